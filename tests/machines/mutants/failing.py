"""The seeded bugs of commands to which the operating system says no."""

from __future__ import annotations

from tests.machines.mutants.kind import Mutant

FAULTS, KILLS = "tests/machines/faults/test_faults.py", "tests/machines/faults/test_kills.py"
CUTS = "tests/machines/faults/test_cuts.py"
FAILING = tuple(
    Mutant(name, file, find, put, tests=tests)
    for name, file, find, put, tests in (
        (
            "a clone that failed stays half done",
            "wire/halfway.py",
            'os.unlink(f"{path}{suffix}")',
            'os.stat(f"{path}{suffix}")',
            FAULTS,
        ),
        (
            "an export inside of a transaction says what was committed before",
            "replica/exchanging/sending.py",
            "alone=alone)",
            "alone=True)",
            "tests/export/test_large.py",
        ),
        (
            "no room for a temporary file is a fault in crdtsql",
            "wire/room.py",
            "except (OSError, apsw.FullError) as error:",
            "except apsw.FullError as error:",
            "tests/export/test_large.py",
        ),
        (
            "a large changeset is read to memory once it is written",
            "wire/spilled.py",
            "return whole if len(whole) > SPILLED_BYTES else whole.read()",
            "return whole.read()",
            "tests/wire/test_spilled.py",
        ),
        (
            "the checksum of a large changeset is also that of its signature",
            "wire/envelope.py",
            "data.part(PREFIX.size, end).pieces()",
            "data.part(PREFIX.size).pieces()",
            "tests/wire/test_spilled.py",
        ),
        (
            "a part of a temporary file ends where the file ends",
            "wire/spilled.py",
            "min(self._begin + end, self._end)",
            "self._begin + end",
            "tests/wire/test_spilled.py",
        ),
        (
            "rows are put in order that are in order, and others are not",
            "wire/ordering.py",
            "    if query.rows(connection, sql(",
            "    if not query.rows(connection, sql(",
            "tests/wire/test_spilled.py",
        ),
        (
            "a power cut undoes what was exported from a file with a rollback journal",
            "replica/transactions.py",
            "EXTRA if durable else FULL",
            "FULL",
            CUTS,
        ),
        (
            "an export takes for synced what a write-ahead log may lose of a merge",
            "replica/session.py",
            "not (pending or moved or rolled_back or unsynced or unsettled)",
            "not (pending or moved or rolled_back or unsettled)",
            CUTS,
        ),
        (
            "an error of SQLite's goes to people as it is",
            "replica/transactions.py",
            "case apsw.Error():",
            "case apsw.SQLError():",
            "tests/machines/faults/test_shortage.py",
        ),
        (
            "what can't be read just now is as good as not there",
            "store/identity/copies.py",
            "if error.errno in _FOR_NOW:",
            "if not error.errno:",
            "tests/store/test_copies.py",
        ),
        (
            "a file is folded outside of any transaction",
            "replica/session.py",
            'self.connection.execute("SAVEPOINT crdtsql" if nested else "BEGIN IMMEDIATE")',
            'self.connection.execute("SAVEPOINT crdtsql" if nested else "SELECT 1")',
            KILLS,
        ),
    )
)
