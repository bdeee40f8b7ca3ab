"""Every case in the tables of docs/TYPES.md comes out as the page says, whatever way the changes take."""

from __future__ import annotations

import re
import shlex
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import pytest

from crdtsql import Replica, sync
from crdtsql.base import policy
from crdtsql.types.celltypes import TYPES
from tests.support.peers import in_memory

PAGE = Path(__file__).parents[2] / "docs" / "TYPES.md"
HEADER = "| before | A writes | B writes | after the merge |"
LEAST, LEAST_OF = 6, {"counter": 12, "set": 12, "map": 12}
TYPE, POLICY = "##", "###"
NOTHING, NO_ROW = "nothing", "no row"
ORDERS = ("A with B", "B with A", "through C")

REFUSED = " (refused)"

Content = list[tuple[Any, ...]]
"""The columns behind the key of every row: storage class and value of each."""
Step = tuple[str, bool]
"""A statement, and whether it is refused."""


@dataclass(frozen=True)
class Case:
    """One line of a table of cases.

    Attributes:
        section: the type or policy that it is about.
        create: the section's CREATE TABLE statement.
        options: what the section's `crdtsql enable` command says after the database.
        before, after: the columns behind the key, as SQL literals, or `no row`.
        a, b: what is written on each side.
    """

    section: str
    line: int
    create: str
    options: tuple[str, ...]
    before: str
    a: tuple[Step, ...]
    b: tuple[Step, ...]
    after: str

    def __str__(self) -> str:
        return f"{self.section}-{self.line}"


def sections(level: str) -> Iterator[tuple[str, int, str]]:
    """Yield the sections of the page whose heading is a word in code font: word, line number of the heading, text."""
    text = PAGE.read_text(encoding="utf-8")
    found = list(re.finditer(r"^(##+) (.*)$", text, re.MULTILINE))
    for heading, following in zip(found, [*found[1:], None], strict=True):
        word = re.fullmatch(r"`([a-z-]+)`", heading[2])
        if word and heading[1] == level:
            body = text[heading.end() : following.start() if following else len(text)]
            yield word[1], text.count("\n", 0, heading.start()) + 1, body


def cases() -> Iterator[Case]:
    """Yield every case of the page."""
    for name, start, body in (*sections(TYPE), *sections(POLICY)):
        create = re.search(r"^```sql fresh\n(CREATE TABLE .*?\))$", body, re.MULTILINE | re.DOTALL)
        command = re.search(r"^crdtsql enable app\.db (.*)$", body, re.MULTILINE)
        assert create and command, f"{name}: the section has no CREATE TABLE, or no crdtsql enable"
        assert HEADER in body, f"{name}: the section has no table of cases"
        for number, line in enumerate(body.split("\n"), start):
            if line.startswith("|") and line != HEADER and not line.startswith("|--"):
                before, a, b, after = (cell.strip() for cell in line.strip("|").split(" | "))
                options = tuple(shlex.split(command[1]))
                yield Case(name, number, create[1], options, _one(before), _several(a), _several(b), _one(after))


def _several(cell: str) -> tuple[Step, ...]:
    found = tuple((text, bool(refused)) for text, refused in re.findall(r"`([^`]+)`( \(refused\))?", cell))
    written = " ".join(f"`{text}`{REFUSED if refused else ''}" for text, refused in found)
    assert cell == (written or NOTHING), cell
    return found


def _one(cell: str) -> str:
    if cell == NO_ROW:
        return NO_ROW
    assert re.fullmatch(r"`[^`]+`", cell), cell
    return cell[1:-1]


CASES = list(cases())


def write(to: apsw.Connection, *steps: Step) -> None:
    """Write as any program would."""
    for statement, refused in steps:
        if refused:
            with pytest.raises(apsw.ConstraintError, match="crdtsql: "):
                to.execute(statement)
        else:
            to.execute(statement)


def content(of: Replica) -> Content:
    """Read the columns behind the key."""
    found = of.connection.execute("SELECT * FROM task ORDER BY id").fetchall()
    return [tuple((type(value), value) for value in row[1:]) for row in found]


def wanted(case: Case) -> Content:
    """Return what the page promises."""
    if case.after == NO_ROW:
        return []
    connection = sqlite3.connect(":memory:")
    found = connection.execute(f"SELECT {case.after}").fetchall()
    connection.close()
    return [tuple((type(value), value) for value in row) for row in found]


def exchange(order: str, a: Replica, b: Replica, c: Replica) -> None:
    """Bring the replicas together."""
    if order == "A with B":
        sync(a, b)
    elif order == "B with A":
        sync(b, a)
    else:
        for first, second in ((a, c), (c, b), (c, a)):
            sync(first, second)


def make_replicas(case: Case, folder: Path) -> list[Replica]:
    """Make the table with its row, run the section's command, and clone the file twice."""
    connection = apsw.Connection(str(folder / "a.db"))
    write(connection, (case.create, False))
    if case.before != NO_ROW:
        write(connection, (f"INSERT INTO task VALUES ('t1', {case.before})", False))
    connection.close()
    table, *options = case.options
    given = list(zip(options[::2], options[1::2], strict=True))
    types = dict(value.split("=") for option, value in given if option == "-c")
    others = {option: value for option, value in given if option != "-c"}
    rows = others.pop("--rows", policy.ADD_WINS)
    granularity = others.pop("--granularity", policy.BY_COLUMN)
    assert not others
    first = Replica.open(folder / "a.db")
    first.enable(table, types=types, rows=rows, granularity=granularity)
    return [first, *(first.clone(folder / f"{name}.db") for name in "bc")]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case: Case, order: str) -> None:
    """What the page says about concurrent writes is what both replicas show, directly and through a third one."""
    scene = (case.create, case.options, case.before)
    a, b, c = in_memory(scene, partial(make_replicas, case), lambda: time.time_ns() // 1_000_000)
    write(a.connection, *case.a)
    time.sleep(0.002)  # B writes later than A, and clocks count milliseconds
    write(b.connection, *case.b)
    exchange(order, a, b, c)
    expected = wanted(case)
    assert content(a) == expected
    assert content(b) == expected
    if order == "through C":
        assert content(c) == expected


def test_every_type_has_a_section() -> None:
    """The page has a section for each type that there is, in the same order, and none for others."""
    assert [name for name, _, _ in sections(TYPE)] == list(TYPES)


def test_every_row_policy_has_a_section() -> None:
    """The page has a section for each row policy and for granularity `row`."""
    names = [name for name, _, _ in sections(POLICY)]
    assert names == [*policy.ROW_POLICIES, policy.GRANULARITIES[-1]]


@pytest.mark.parametrize("name", TYPES)
def test_every_type_has_cases(name: str) -> None:
    """Each type's section gives its column that type, and shows enough cases."""
    found = [case for case in CASES if case.section == name]
    assert len(found) >= LEAST_OF.get(name, LEAST)
    for case in found:
        assert name == "lww" or case.options[-1].endswith(f"={name}")
    assert max(Counter((case.before, case.a, case.b) for case in found).values()) == 1
