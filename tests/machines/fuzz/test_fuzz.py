"""Random damage with a correct checksum: what gets past the envelope must not get past the checks.

`CRDTSQL_FUZZ` says how many changesets are made, `CRDTSQL_SEED` repeats a run.
"""

from __future__ import annotations

import os
import random
import resource
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import apsw
import pytest

from crdtsql.base.errors import InvalidChangesetError
from crdtsql.wire.envelope import ROWS, unpack
from tests.support.forge import as_image, parts, unconstrained, with_header, with_image, with_rows
from tests.support.victim import keep, pair_of, twin

RUNS = int(os.environ.get("CRDTSQL_FUZZ", "400"))
SEED = int(os.environ.get("CRDTSQL_SEED", "0")) or random.randrange(1 << 32)
LONGEST_SECONDS = 5
STEPS = (-1, 1, 65536)
VALUES = (
    "NULL", "0", "1", "-1", "2", "9", "9223372036854775807", "-9223372036854775808", "4611686018427387904", "1.5", "-0.0",
    "9e999", "''", "'t1'", "'T2'", "'x'", "x''", "x'00ff'", "CAST(x'ff' AS TEXT)", "zeroblob(100000)", "char(0)", "'1'", "t", "s",
)  # fmt: skip


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[bytes, list[bytes]]]:
    """Give a serialized victim, and changesets for it: a small and a complete one, each in both formats."""
    folder = tmp_path_factory.mktemp("fuzz")
    os.environ["CRDTSQL_STATE_DIR"] = str(folder / "state")
    victim, peer = pair_of(folder)
    found = [peer.export(victim.vector()), peer.export()]
    yield victim.connection.serialize("main"), [*found, *map(as_image, found)]
    peer.close()
    victim.close()


def _spoil_bytes(choice: random.Random, data: bytes) -> bytes:
    def spoil(image: bytes) -> bytes:
        spoiled = bytearray(image)
        used = [n for n in range(len(image)) if image[n]]
        for _ in range(choice.choice((1, 1, 1, 2, 5, 50))):
            position = choice.choice(used) if choice.random() < 0.8 else choice.randrange(len(image))
            position = min(position, len(spoiled) - 1)  # a short piece may have taken the place of a longer one
            kind = choice.randrange(4)
            if kind == 0:
                spoiled[position] ^= 1 << choice.randrange(8)
            elif kind == 1:
                spoiled[position] = choice.choice((0, 1, 127, 128, 255))
            elif kind == 2:
                spoiled[position : position + 4] = choice.randbytes(4)
            else:
                other, length = choice.randrange(len(image)), choice.choice((2, 8, 100))
                spoiled[position : position + length] = image[other : other + length]
        return bytes(spoiled[: len(image)])

    return with_rows(data, spoil) if unpack(data).version == ROWS else with_image(data, spoil)


def _spoil_rows(choice: random.Random, data: bytes) -> bytes:
    _, image = parts(data)
    connection = apsw.Connection(":memory:")
    connection.deserialize("main", image)
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE name <> 'merged'")]
    script = []
    for _ in range(choice.choice((1, 1, 2, 4))):
        table = choice.choice(names)
        columns = [name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))]
        one = f"rowid = (SELECT rowid FROM {table} ORDER BY random() LIMIT 1)" if choice.random() < 0.8 else "1"
        script.append(
            choice.choice(
                (
                    f"UPDATE {table} SET {choice.choice(columns)} = {choice.choice(VALUES)} WHERE {one}",
                    f"UPDATE {table} SET {choice.choice(columns)} = {choice.choice(columns)} WHERE {one}",
                    f"UPDATE {table} SET {choice.choice(columns)} = {choice.choice(columns)} + {choice.choice(STEPS)} WHERE {one}",
                    f"DELETE FROM {table} WHERE {one}",
                    f"INSERT INTO {table} SELECT * FROM {table} WHERE {one}",
                )
            )
        )
    connection.close()
    try:
        return unconstrained(data, ";".join(script))
    except (apsw.Error, UnicodeDecodeError):
        return data


def _spoil_header(choice: random.Random, data: bytes) -> bytes:
    def spoil(header: dict[str, Any]) -> None:
        places: list[tuple[Any, Any]] = []

        def collect(found: Any) -> None:
            entries = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
            for key, value in list(entries):
                places.append((found, key))
                collect(value)

        collect(header)
        for _ in range(choice.choice((1, 1, 2, 3))):
            container, key = choice.choice(places)
            other, other_key = choice.choice(places)
            new = (None, True, 0, 1, -1, 2**61, 2**63, 1.5, "", "x", "task", [], {}, "sqlite_master", container.copy())
            values = (
                [other[other_key]] if other_key in other or isinstance(other, list) and other_key < len(other) else [7]
            )
            container[key] = choice.choice((*new, *values * 5))
            if choice.random() < 0.2 and isinstance(container, dict):
                del container[key]

    try:
        return with_header(data, spoil)
    except (ValueError, RecursionError, LookupError):
        return data


KINDS = (_spoil_bytes, _spoil_rows, _spoil_rows, _spoil_header)


def test_random_damage_is_refused_or_harmless(scene: tuple[bytes, list[bytes]]) -> None:
    """Whatever a changeset holds, it is refused with a typed error and changes nothing, or leaves the replica sound."""
    image, changesets = scene
    outcomes: Counter[str] = Counter()
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(RUNS):
        choice = random.Random(f"{SEED}/{number}")
        kind = choice.choice(KINDS)
        data = kind(choice, choice.choice(changesets))
        started = time.monotonic()
        try:
            error = keep(twin(image), data)
        except BaseException as found:
            found.add_note(
                f"repeat with CRDTSQL_SEED={SEED} CRDTSQL_FUZZ={number + 1}; {kind.__name__} number {number}"
            )
            raise
        assert time.monotonic() - started < LONGEST_SECONDS, (SEED, number)
        outcomes[f"{kind.__name__} {'refused' if error else 'applied'}"] += 1
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) / 1024
    assert grown_mib < 200, (SEED, grown_mib)
    if RUNS >= 200:
        assert all(outcomes[f"{kind} refused"] >= 5 for kind in ("_spoil_bytes", "_spoil_rows", "_spoil_header")), (
            outcomes
        )
        assert outcomes["_spoil_rows applied"] >= 5, outcomes


def test_random_bytes_are_no_changeset() -> None:
    """Random bytes, with or without the right beginning, are refused."""
    choice = random.Random(SEED)
    for number in range(300):
        data = choice.randbytes(choice.choice((0, 1, 8, 63, 64, 65, 1000)))
        if number % 2:
            data = b"\x89CRDT\r\n\x1a\x01\x00\x00\x00" + data[12:]
        with pytest.raises(InvalidChangesetError):
            unpack(data)
