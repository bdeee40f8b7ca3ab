"""Seeded bugs of histories, of rows as they were, and of undoing."""

from __future__ import annotations

from tests.machines.mutants.kind import Mutant

EXAMPLES, ENTRIES, UNDO, RANDOM = (
    "tests/history/test_history.py",
    "tests/history/test_entries.py",
    "tests/history/test_undo.py",
    "tests/history/test_random_histories.py",
)

PASTS = (
    Mutant(
        "a history does not know of an INSERT OR REPLACE what it replaced",
        "capture/triggers.py",
        "    if slots.table.history is not None:\n        yield",
        "    if slots.table.absent:\n        yield",
        tests=EXAMPLES,
    ),
    Mutant(
        "an update tells the value that stands there at the end",
        "sql/history/recording/replaced.sql",
        "wrote.seq > ${after}\n      ORDER",
        "wrote.seq < ${after}\n      ORDER",
        tests=EXAMPLES,
    ),
    Mutant(
        "how a row was comes with each write",
        "sql/history/recording/from_first.sql",
        'WHERE step.seq = step."row"',
        "WHERE 1",
        tests=EXAMPLES,
    ),
    Mutant(
        "an entry does not say what its writer had seen",
        "sql/history/recording/seen.sql",
        "WHERE head.s <> step.s AND",
        "WHERE head.s = step.s AND",
        tests=RANDOM,
    ),
    Mutant(
        "a row at a time is gone if anybody deleted it",
        "history/replaying.py",
        "else not all(gone)",
        "else not any(gone)",
        tests=RANDOM,
    ),
    Mutant(
        "numbers in a history do not follow their rows",
        "numbers/followers.py",
        "        links += [(_column(table, own), _column(base, uid)) for own, base, uid in _kept(table, by_uid)]\n",
        "",
        tests=RANDOM,
    ),
    Mutant(
        "an undo writes over what somebody wrote since",
        "history/undoing.py",
        "        if top not in self.chosen:\n",
        "        if top is None:\n",
        tests=UNDO,
    ),
    Mutant(
        "an undo takes off a counter what was written over since",
        "history/undoing.py",
        "        if whole is not None and column.name in past and",
        "        if whole is None and column.name in past and",
        tests=UNDO,
    ),
    Mutant(
        "an undo deletes a row that somebody wrote to",
        "history/undoing.py",
        "            if later or not self.is_known:\n",
        "            if not self.is_known:\n",
        tests=UNDO,
    ),
    Mutant(
        "an undo takes rows along that refer to what it deletes",
        "history/rewriting.py",
        "        if referring is not None:\n",
        "        if referring is None and False:\n",
        tests=UNDO,
    ),
    Mutant(
        "values that rows have while an undo exchanges theirs are captured",
        "history/rewriting.py",
        "    with without_capture(connection, [table for table, _ in updates]), writing.unchecked(connection):",
        "    with writing.unchecked(connection):",
        tests=UNDO,
    ),
    Mutant(
        "a history takes values that rows have while an undo exchanges theirs for those before",
        "history/rewriting.py",
        "range(naming.KEPT_TOGETHER)",
        "range(0)",
        tests=UNDO,
    ),
    Mutant(
        "what follows exchanged values is not written again",
        "history/rewriting.py",
        '            if row.did == "updated" and _write(',
        '            if row.did == "made" and _write(',
        tests=UNDO,
    ),
    Mutant(
        "an undo brings rows back under the last spelling of their keys",
        "history/undoing.py",
        "replaying.last_key(self.others)",
        "self.key",
        tests=UNDO,
    ),
    Mutant(
        "a purge leaves what a history has",
        "replica/forgetting/purging.py",
        "while scopes:",
        "while False:",
        tests=EXAMPLES,
    ),
    Mutant(
        "what was taken out of a history is asked for all the same",
        "history/reading.py",
        'max(registry.number(table.fact("recorded")), _trimmed(registry, history))',
        'registry.number(table.fact("recorded"))',
        tests=EXAMPLES,
    ),
    Mutant(
        "who ended a history is asked again",
        "replica/past/keeping.py",
        'registry.get(table.fact("history")) is not None',
        "table.history is not None",
        tests=EXAMPLES,
    ),
    Mutant(
        "the others hear of a history once something is written",
        "replica/past/histories.py",
        "            keeping.tell(self.registry, table)\n",
        "",
        tests=EXAMPLES,
    ),
    Mutant(
        "the past of a column that is gone is that of the one that has its name",
        "base/naming.py",
        'return f"{uid} (gone)" if uid in names else uid',
        "return uid",
        tests=EXAMPLES,
    ),
    Mutant(
        "a history stays where its table was disabled",
        "replica/past/keeping.py",
        "            found.append(history.name)\n",
        "            pass\n",
        tests=EXAMPLES,
    ),
    Mutant(
        "an undo makes another row of the number of one that was deleted",
        "history/rewriting.py",
        'if row.did == "inserted" and table.is_numbered and',
        'if row.did == "" and table.is_numbered and',
        tests=UNDO,
    ),
    Mutant(
        "what an update replaced is NULL if its column had no type yet",
        "history/replaying.py",
        "    if entry.replaced[name] is not None:\n",
        "    if name in entry.replaced:\n",
        tests=UNDO,
    ),
    Mutant(
        "what was added to a counter without a value counts as set",
        "history/replaying.py",
        "[0 if one is None else one for one in (value, old, new)]",
        "[value, old, new]",
        tests=UNDO,
    ),
    Mutant(
        "an undo says nothing of rows that are held",
        "history/undoing.py",
        "            if replaying.state(self.table, self.entries) is not None:\n",
        "            if self.present is not None:\n",
        tests=UNDO,
    ),
    Mutant(
        "a column that was added had nothing in it before somebody wrote it",
        "history/reading.py",
        "{name: defaults.get(name) for name in written}",
        "dict.fromkeys(written)",
        tests=EXAMPLES,
    ),
    Mutant(
        "an entry stays that was deleted since then",
        "sql/history/forgetting/find_old.sql",
        "WHERE gone.at IS NULL OR (gone.at, gone.site, gone.op) < (latest.at, latest.site, latest.op)",
        "WHERE latest.at > 0",
        tests=EXAMPLES,
    ),
    *(
        Mutant(name, file, find, put, tests=ENTRIES)
        for name, file, find, put in (
            (
                "an entry of any form counts",
                "history/reading.py",
                "is_sound=is_sound(*DID),\n            where",
                'is_sound=Sql("entry.op < 9"),\n            where',
            ),
            ("a mark counts of a time that nobody has reached", "history/reading.py", "AND at <= ?", "AND ? > 0"),
            (
                "columns that are nested too deeply are a fault",
                "history/reading.py",
                "found = json.loads(columns)\n    except (ValueError, RecursionError):",
                "found = json.loads(columns)\n    except ValueError:",
            ),
            (
                "numbers beyond all bounds are a fault",
                "history/reading.py",
                "except (ValueError, TypeError, OverflowError, RecursionError):",
                "except (ValueError, TypeError, RecursionError):",
            ),
            ("an actor's name is as it came", "history/reading.py", "Actor(_printable(actor), ", "Actor(actor, "),
            (
                "a row without a key is undone",
                "history/undoing.py",
                "if _is_key(row.entries[0].key) else None",
                "if row.entries else None",
            ),
            (
                "an update that nothing came before is undone by a delete",
                "history/undoing.py",
                "if later or not self.is_known:",
                "if later:",
            ),
        )
    ),
)
