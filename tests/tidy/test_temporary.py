"""Temporary tables have owners: who creates, writes and reads each of them is declared, and true."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from crdtsql.base import TemporaryTable

PACKAGE = Path(__file__).parents[2] / "crdtsql"
SQL = PACKAGE / "sql"
SOURCES = [path for path in sorted(PACKAGE.rglob("*")) if path.suffix in {".py", ".sql"} and path.stem != "__main__"]
WRITE = r"(?:INSERT(?: OR \w+)? INTO|UPDATE(?: OR \w+)?|DELETE FROM) temp\."


def module_of(source: Path) -> str:
    """Return `wing/module` of a Python file, or of the one that renders a SQL file."""
    inside = source.relative_to(SQL if source.suffix == ".sql" else PACKAGE)
    return "/".join(inside.with_suffix("").parts[:2])


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
TEXTS = {source: source.read_text(encoding="utf-8") for source in SOURCES}


def users(pattern: str) -> set[str]:
    """Return the modules whose Python or SQL matches."""
    return {module_of(source) for source, text in TEXTS.items() if re.search(pattern, text)}


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: str(table.name))
def test_one_module_creates_it(table: TemporaryTable) -> None:
    """A temporary table is created by one SQL file, in the folder of the module that declares it, which says what its columns mean."""
    definition = SQL / f"{table.definition}.sql"
    assert [source for source, text in TEXTS.items() if re.search(rf"CREATE TEMP TABLE {table.name}\b", text)] == [
        definition
    ]
    assert TEXTS[definition].startswith(f"CREATE TEMP TABLE {table.name} ")
    assert "\n  -- " in TEXTS[definition] or "\n-- " in TEXTS[definition], "no comment says what it holds"
    owner = PACKAGE / f"{module_of(definition)}.py"
    assert f'"{table.definition}"' in TEXTS[owner], f"{owner} does not declare it"


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: str(table.name))
def test_its_users_are_listed(table: TemporaryTable) -> None:
    """A declaration lists exactly the other modules that read and write the table; a module that imports the table names it so."""
    owner = module_of(SQL / f"{table.definition}.sql")
    named = users(rf"\b{table.name}\b" if table.name.startswith("_crdt_") else rf"\btemp\.{table.name}\b") - {owner}
    writers, readers = set(table.written_by), set(table.read_by)
    assert not writers & readers
    assert writers | readers == named
    wrote = users(rf"{WRITE}{table.name}\b|Sql\(\"temp\.{table.name}\"\)") - {owner}
    assert writers == wrote
