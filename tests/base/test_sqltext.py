"""Names and numbers as SQL text."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

import crdtsql
from crdtsql.base import sqltext
from crdtsql.base.sqltext import Sql
from tests.support.every import every

NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@given(NAMES)
def test_any_name_can_be_quoted(name: str) -> None:
    """A quoted name is that name to SQLite, whatever it holds."""
    connection = apsw.Connection(":memory:")
    connection.execute(f"CREATE TABLE t ({sqltext.identifier(name)})")
    assert connection.execute("SELECT name FROM pragma_table_info('t')").fetchall() == [(name,)]


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_text_can_be_a_literal(value: str) -> None:
    """A text literal is that text to SQLite, whatever it holds."""
    assert apsw.Connection(":memory:").execute(f"SELECT {sqltext.text(value)}").fetchall() == [(value,)]


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_any_integer_can_be_a_literal(value: int) -> None:
    """An integer literal is that integer to SQLite."""
    assert apsw.Connection(":memory:").execute(f"SELECT {sqltext.integer(value)}").fetchall() == [(value,)]


@pytest.mark.parametrize("make", [sqltext.identifier, sqltext.text])
def test_a_nul_character_is_refused(make: type) -> None:
    """SQLite's text of a statement ends at a NUL, so no name or literal may hold one."""
    with pytest.raises(ValueError, match="NUL"):
        make("a\0b")


def test_a_slot_takes_nothing_but_sql() -> None:
    """A missing slot, an extra one, or a plain string for one is an error, never a wrong statement."""
    template = sqltext.Template("test", "SELECT ${a}, ${b}", frozenset({"a", "b"}))
    assert template.render(a=Sql("1"), b=Sql("2")).text == "SELECT 1, 2"
    with pytest.raises(TypeError, match=r"missing slots \['b'\]"):
        template.render(a=Sql("1"))
    with pytest.raises(TypeError, match=r"unknown slots \['c'\]"):
        template.render(a=Sql("1"), b=Sql("2"), c=Sql("3"))
    with pytest.raises(TypeError, match="takes Sql, not str"):
        template.render(a=Sql("1"), b="2")  # type: ignore[arg-type]


def test_what_fills_a_slot_is_not_looked_at_again() -> None:
    """A name that looks like a slot stays a name."""
    template = sqltext.Template("test", "SELECT ${a}, ${b}", frozenset({"a", "b"}))
    assert template.render(a=sqltext.identifier("${b}"), b=Sql("2")).text == 'SELECT "${b}", 2'


SQL = Path(crdtsql.__file__).parent / "sql"
FILES = sorted(SQL.rglob("*.sql"))
SOURCES = "".join(file.read_text() for file in SQL.parent.rglob("*.py"))


@every(FILES)
def test_every_sql_file_is_used_and_keeps_slots_out_of_quotes(path: Path) -> None:
    """Each .sql file is loaded in one place, and no slot of it stands in a comment or inside quotes."""
    name = path.relative_to(SQL).with_suffix("").as_posix()
    found = sqltext.template(name)
    for line in found.body.splitlines():
        comment = line.partition("--")[2]
        assert "${" not in comment, line
        for literal in line.split("'")[1::2]:
            assert "${" not in literal, line
    assert f'"{name}"' in SOURCES or f'"{name.rpartition("_")[0]}_{{' in SOURCES, f"nothing loads {name}"
