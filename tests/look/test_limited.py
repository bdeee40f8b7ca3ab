"""Counters that add up to more than they can show: said by `status`, `blame` and `doctor`, which says what to do."""

from __future__ import annotations

import shlex
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

from crdtsql import Replica, sync
from tests.support.command import ok
from tests.support.edges import LIMIT
from tests.support.peers import read, write


def apart(folder: Path, declared: str, kind: str, number: float) -> tuple[Replica, Replica]:
    """Let two replicas add as much to one counter, and sync."""
    one = folder / "one.db"
    write(one, f"CREATE TABLE t (a TEXT, b BLOB, n {declared}, PRIMARY KEY (a, b)) WITHOUT ROWID")
    write(one, "INSERT INTO t VALUES ('it''s', x'00ff', 0), ('other', 1, 0)")
    first = Replica.open(one)
    first.enable("t", types={"n": kind})
    second = first.clone(folder / "two.db")
    for replica in (first, second):
        write(replica, f"UPDATE t SET n = {number!r} WHERE a = 'it''s'", "UPDATE t SET n = n + 1 WHERE a = 'other'")
    sync(first, second)
    return first, second


@pytest.mark.parametrize(
    ("declared", "number", "most"), [("INTEGER", LIMIT, LIMIT), ("REAL", 1.5e308, 1.7e308), ("INT", -LIMIT, -LIMIT)]
)
def test_a_limited_counter_can_be_brought_down(tmp_path: Path, declared: str, number: float, most: float) -> None:
    """`doctor` names the cell, what it adds up to, and a command that brings it down, on every replica."""
    first, second = apart(tmp_path, declared, "counter", number)
    with first, second:
        for replica in (first, second):
            assert read(replica, "SELECT n FROM t") == [(most,), (2,)]
            assert [table.limited for table in replica.status().tables] == [1]
            (found,) = [f for f in replica.doctor("t").tables[0].findings if f.about == "counter"]
            assert found.level == "watch"
            assert found.fix is not None
            assert ("9223372036854775808" if declared != "REAL" else "3.000e+308") in found.text
        second.close()
        subprocess.run(shlex.split(found.fix), check=True)
        with Replica.open(tmp_path / "two.db") as again:
            sync(first, again)
            assert (
                read(first, "SELECT n FROM t")
                == read(again, "SELECT n FROM t")
                == [(type(number)(2 * Fraction(number) - Fraction(most)),), (2,)]
            )
            assert [table.limited for table in first.status().tables] == [0]
            assert not [f for f in first.doctor("t").tables[0].findings if f.about == "counter"]


def test_a_limited_grow_counter_becomes_a_counter(tmp_path: Path) -> None:
    """What can only grow stays at its limit; as a counter, which the command makes it, it can be brought down."""
    first, second = apart(tmp_path, "INTEGER", "grow-counter", LIMIT)
    second.close()
    with first:
        (found,) = [f for f in first.doctor("t").tables[0].findings if f.about == "counter"]
        assert found.fix == f"crdtsql type {tmp_path / 'one.db'} t.n counter"


def test_the_command_line_says_so(tmp_path: Path) -> None:
    """`status` counts limited counters and names the command that lists them; `blame` shows what each site added."""
    first, second = apart(tmp_path, "INTEGER", "counter", LIMIT)
    first.close()
    second.close()
    path = tmp_path / "one.db"
    assert f"t: counters that add up to more than they can show: 1, see crdtsql doctor {path} t" in ok("status", path)
    assert "adds up to 9223372036854775808" in ok("doctor", path, "t").replace("\n", " ").replace("  ", " ")
