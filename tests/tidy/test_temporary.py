"""Temporary tables have owners: who creates, writes and reads each of them is declared, and true."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from crdtsql.base import TemporaryTable
from tests.support.every import every

PACKAGE = Path(__file__).parents[2] / "crdtsql"
SQL = PACKAGE / "sql"
SOURCES = [path for path in sorted(PACKAGE.rglob("*")) if path.suffix in {".py", ".sql"} and path.stem != "__main__"]
TEXTS = {source: source.read_text(encoding="utf-8") for source in SOURCES}
CREATE = "CREATE TEMP TABLE "
WRITE = r"(?:INSERT(?: OR \w+)? INTO|UPDATE(?: OR \w+)?|DELETE FROM) temp\."
INDEX = re.compile(r"CREATE INDEX (?:IF NOT EXISTS )?temp\.\w+ ON \w+")


def module_of(source: Path) -> str:
    """Return `wing/module` of a Python file, or of the one that renders a SQL file, whose folder is named after it."""
    if source.suffix == ".sql":
        return source.parent.relative_to(SQL).as_posix()
    return source.relative_to(PACKAGE).with_suffix("").as_posix()


def declared() -> dict[str, TemporaryTable]:
    """Return all temporary tables that modules declare, by name."""
    found: dict[int, TemporaryTable] = {}
    for source in SOURCES:
        if source.suffix == ".py":
            dotted = "crdtsql." + ".".join(source.relative_to(PACKAGE).with_suffix("").parts)
            values = vars(importlib.import_module(dotted.removesuffix(".__init__"))).values()
            found |= {id(value): value for value in values if isinstance(value, TemporaryTable)}
    tables = sorted(found.values(), key=lambda table: table.name)
    assert len({table.name for table in tables}) == len(tables), "two modules declare one table"
    return {table.name: table for table in tables}


TABLES = declared()


def definition_of(table: TemporaryTable) -> Path:
    """Return the SQL file that creates a table."""
    return SQL / f"{table.definition}.sql"


def is_family(table: TemporaryTable) -> bool:
    """Tell whether there is one such table for each of the user's: then only its owner can name it."""
    return TEXTS[definition_of(table)].startswith(f"{CREATE}${{")


def users(name: str, pattern: str) -> set[str]:
    """Return the modules whose Python or SQL has a name, in the way of a pattern."""
    return {module_of(source) for source, text in TEXTS.items() if name in text and re.search(pattern, text)}


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: str(table.name))
def test_one_module_creates_it(table: TemporaryTable) -> None:
    """A temporary table is created by one SQL file, of the module that declares it, which says what its columns mean."""
    definition = definition_of(table)
    assert f'"{table.definition}"' in TEXTS[PACKAGE / f"{module_of(definition)}.py"], "another module declares it"
    assert re.search(r"^\s*-- ", TEXTS[definition], re.MULTILINE), "no comment says what it holds"
    if not is_family(table):
        creating = re.compile(rf"{CREATE}{table.name}\b")
        assert [source for source, text in TEXTS.items() if creating.search(text)] == [definition]
        assert creating.match(TEXTS[definition])


def test_every_temporary_table_is_declared() -> None:
    """No statement creates a temporary table but those that declarations name."""
    creating = {source for source, text in TEXTS.items() if re.search(r"CREATE TEMP(ORARY)?\b(?! TRIGGER)", text)}
    assert creating == {definition_of(table) for table in TABLES.values()}


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: str(table.name))
def test_its_users_are_listed(table: TemporaryTable) -> None:
    """A declaration lists exactly the other modules whose SQL or Python names the table: those that write it, and those that read it."""
    owner = module_of(definition_of(table))
    end = "(?![a-z])" if is_family(table) else r"\b"
    named = users(
        table.name, rf"\b{table.name}{end}" if table.name.startswith("_crdt_") else rf"\btemp\.{table.name}\b"
    )
    wrote = users(table.name, rf"{WRITE}{table.name}\b|Sql\(\"temp\.{table.name}\"\)")
    writers, readers = set(table.written_by), set(table.read_by)
    assert writers == wrote - {owner}
    assert readers == named - wrote - {owner}


@every(SOURCES)
def test_no_other_temporary_table_is_named(source: Path) -> None:
    """Statements name declared temporary tables only, and with the schema `temp`, so that nothing in the file can pass for one."""
    text = INDEX.sub("", TEXTS[source])
    assert set(re.findall(r"\btemp\.(\w+)", text)) <= TABLES.keys()
    if source.suffix == ".sql":
        bare = re.findall(rf"(?<!temp\.)(?<!{CREATE})\b(_crdt_\w+)", text)
        assert not TABLES.keys() & set(bare), "named without its schema"
