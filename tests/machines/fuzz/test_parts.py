"""Random edits of typed cells' parts, with a correct checksum."""

from __future__ import annotations

import random

import apsw

from crdtsql.base.errors import InvalidChangesetError
from tests.support.forge import with_sql
from tests.support.victim import victim_of
from tests.wire.test_hostile_parts import scene  # noqa: F401, a fixture


def test_random_parts_never_break_a_replica(scene: tuple[bytes, bytes]) -> None:  # noqa: F811
    """Random edits of parts are refused with an error of ours, or taken; the replica stays sound and goes on working."""
    chance = random.Random(11)
    values = (
        "NULL",
        "0",
        "1",
        "-1",
        "1.5",
        "'x'",
        "x'ff'",
        "'\"z\"'",
        "'[]'",
        "'{}'",
        "9223372036854775807",
        "4611686018427387904",
    )
    columns = ("col", "part", "s", "t", "gone", "v", "n")
    taken = 0
    for _ in range(150):
        script = ";".join(
            f"UPDATE OR IGNORE part_1 SET {chance.choice(columns)} = {chance.choice(values)} WHERE abs(random()) % 4 = 0"
            for _ in range(chance.randint(1, 2))
        )
        victim = victim_of(scene)
        try:
            victim.merge(with_sql(scene[1], script))
            taken += 1
        except InvalidChangesetError:
            pass
        except apsw.ConstraintError:
            continue
        assert victim.connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        # Towards zero, because a counter at its limit takes no more.
        victim.connection.execute("UPDATE t SET n = n + iif(n > 0, -1, 1), s = json_insert(s, '$[#]', 'after')")
        assert victim.export()
    assert taken
