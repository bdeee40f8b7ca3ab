"""docs/FORMAT.md agrees with the code."""

from __future__ import annotations

import dataclasses
import importlib
import json
import re
import typing
from pathlib import Path
from types import MappingProxyType
from typing import Any

import apsw
import pytest

from crdtsql import Replica
from crdtsql.base import (
    Agreement,
    Declared,
    Lane,
    OldNumbers,
    Rest,
    SiteLine,
    Start,
    blocks_rule,
    policy,
    reasons,
    rounds_rule,
)
from crdtsql.conflicts import arbitrated
from crdtsql.store.registry import FORMAT
from crdtsql.store.tables import FIRST_UPDATE_OP, Fact
from crdtsql.trust import aside, chains
from crdtsql.types.celltypes import TYPES
from crdtsql.wire import envelope, header, image, parsing

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "FORMAT.md").read_text(encoding="utf-8")
BIRTHS = "_crdt_births"
ASIDE = "_crdt_aside"
PARKED = "_crdt_parked_task"
OPTIONAL = ("_crdt_claimed", "_crdt_token", "_crdt_arbitrated", "_crdt_link")
CREATED = re.compile(r'CREATE (?:TABLE|INDEX) "?(\w+)"?')


def blocks(language: str) -> list[str]:
    """Return the page's code blocks in a language."""
    return [block.strip() for block in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)]


def documented_sql() -> dict[str, str]:
    """Return the documented CREATE statements by the name that they create."""
    found = {}
    for block in blocks("sql"):
        match = CREATED.match(block)
        assert match, block
        assert match[1] not in found
        found[match[1]] = block
    return found


def documented_names(first_column: str) -> list[str]:
    """Return the names in the first column of the table whose first heading is given."""
    (rows,) = re.findall(rf"^\| {first_column} \|.*\n\|---.*\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return re.findall(r"^\| (.*?) \|", rows, re.MULTILINE)


@pytest.fixture
def replica(tmp_path: Path) -> Any:
    """Enable the page's example table."""
    path = str(tmp_path / "app.db")
    connection = apsw.Connection(path)
    connection.execute("CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, title TEXT, votes INTEGER)")
    connection.execute("INSERT INTO task VALUES ('g', 'genesis', 0)")
    connection.close()
    with Replica.open(path) as opened:
        opened.enable("task", types={"votes": "counter"})
        yield opened


def example_header() -> header.Header:
    """Return the page's example header, as the code reads it."""
    (example,) = blocks("json")
    return parsing.read_header(json.dumps(json.loads(example), separators=(",", ":")).encode())


def test_offsets_of_the_envelope() -> None:
    """The documented offsets, lengths, magic and version are those of the code."""
    rows = re.findall(r"^\| (\d+) \| (\d+|-) \| (.*) \|$", PAGE.split("### 1.1")[0], re.MULTILINE)
    offsets = [(int(offset), length) for offset, length, _ in rows]
    lengths = [8, 2, 2, 4, 8, 8, 32]
    assert offsets == [(sum(lengths[:n]), str(length)) for n, length in enumerate(lengths)] + [(sum(lengths), "-")]
    assert sum(lengths) == envelope.PREFIX.size
    assert envelope.PREFIX.format == "<8sHHIQQ32s"
    assert bytes.fromhex(re.findall(r"magic: `([0-9A-F ]+)`", PAGE)[0]) == envelope.MAGIC
    assert f"format version: {envelope.IMAGE} or {envelope.ROWS}; {envelope.BUNDLE} for a bundle (1.5) |" in PAGE


WHOLE = header.TableHeader(
    name="Task",
    key=("Id",),
    columns=(("V", "lww"),),
    genesis=(1, 1),
    rows=1,
    gone=1,
    row_policy=policy.DELETE_WINS,
    granularity=policy.BY_ROW,
    identity=policy.BY_BIRTH,
    given_uid="job",
    given_uids=("key", "value"),
    parked=("V",),
    collations=("NOCASE",),
    links=(("value", "job", "key"),),
    unique=((("value",), "null"),),
    references=(Declared(("value",), "job", ("key",)),),
    old_numbers=(OldNumbers(1, 1, ((1, 1),)),),
    rests=True,
)
"""A table of whose header nothing is left out."""


def keys(found: Any, path: str = "") -> set[str]:
    """Return the keys of a header, as the page names them; some have keys that are data."""
    if isinstance(found, list):
        return (
            {key for one in found for key in keys(one, f"{path}[].")} if found and isinstance(found[0], dict) else set()
        )
    if not isinstance(found, dict) or path in (
        "eras",
        "lanes",
        "others",
        "geneses",
        "names",
        "starts",
        "compaction",
        "retired",
        "keys",
        "rest",
    ):
        return set()
    return {path + key for key in found} | {inner for key, one in found.items() for inner in keys(one, path + key)}


def test_every_key_that_can_be_written_is_documented() -> None:
    """The table of keys has all that the code writes where nothing is left out, and nothing else."""
    site = b"\1" * 16
    unseen, lanes = (header.UnseenWrite(1, 1, "value", (1, 1), (1, 1)),), {site: Lane(0, 1)}
    others, geneses = {policy.BY_BIRTH: frozenset(["other"])}, {"other": (1, 1)}
    whole = header.Header(
        site,
        1,
        (header.Site(1, site, 1, 1),),
        (WHOLE,),
        {"job": 1},
        unseen,
        lanes,
        others,
        geneses,
        {site: ("laptop", 1)},
        {site: SiteLine(2, (Start(1, 1, "00000000"),))},
        (header.PurgedRow(1, 1, "job", ("key",)),),
        Agreement(
            1,
            {site: 1},
            frozenset({site}),
            frozenset({site}),
            {site: 1},
            {site: rounds_rule.Ending(1, site)},
            {site: site},
        ),
        (("other", 1, 7),),
        {site: (1, 1)},
        (header.KeyStep(bytes(32)),),
        1,
        Rest(MappingProxyType({bytes(15) + b"\2": 1})),
        {},
    )
    for record in (whole, WHOLE):
        for field in dataclasses.fields(record):
            absent = field.default_factory() if callable(field.default_factory) else field.default
            assert getattr(record, field.name) != absent, f"{field.name} is left out here: give it a value"
    written = {f"`{key}`" for key in keys(whole.to_json())}
    named = {f"`tables[].columns[].{key}`" for key in ("name", "type")}
    assert set(documented_names("key")) == written - named
    (line,) = re.findall(r"^\| `compaction` \|.*\{(.*?)\}`, each left out", PAGE, re.MULTILINE)
    assert set(line.split(", ")) == whole.compaction.to_json().keys()


def test_example_header_is_complete() -> None:
    """The example header is valid, and the code writes exactly it."""
    (example,) = blocks("json")
    assert example_header().to_json() == json.loads(example)


def test_image_of_the_example_example_header() -> None:
    """The documented image is, character by character, the one that the code demands for the example header."""
    documented = documented_sql()
    assert [documented[name] for name in ("merged", "row_1", "head_1", "part_1")] == image.schema(example_header())


def test_births_of_numbered_rows(replica: Replica) -> None:
    """The documented tables of births, of what was set aside, of claims, of links, and of what was asked are those of a table with an automatic number, and of its changeset."""
    replica.connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, body)")
    replica.enable("note")
    replica.connection.execute("INSERT INTO note VALUES (1, 'x')")
    replica.compact(keep_ms=0)
    documented = documented_sql()
    aside.keep(replica.registry, replica.export(), "", 0)
    replica.claim("task/g")
    arbitrated.set_up(replica.registry)
    chains.begin(replica.registry)
    for name in ("_crdt_born_note", "_crdt_was_note", BIRTHS, ASIDE, *OPTIONAL):
        created = replica.connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (name,)).fetchall()
        assert created == [(documented[name],)]
    numbered = dataclasses.replace(
        example_header(), tables=(dataclasses.replace(example_header().tables[0], identity="row"),)
    )
    assert image.schema(numbered)[-1] == documented["born_1"]


def test_tables_inside_the_file(replica: Replica) -> None:
    """The documented tables and indexes inside of a user's file are those that the code creates, no more and no less."""
    created = dict(
        replica.connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE name GLOB '_crdt_*' AND type IN ('table', 'index') AND sql IS NOT NULL"
        ).fetchall()
    )
    documented = {
        name: statement
        for name, statement in documented_sql().items()
        if name.startswith("_crdt_") and not name.endswith("_note") and name not in (PARKED, BIRTHS, ASIDE, *OPTIONAL)
    }
    assert documented == created


def test_table_of_parked_cells(replica: Replica, tmp_path: Path) -> None:
    """The documented table of parked cells is the one that a replica has that lacks a column of another."""
    with replica.clone(tmp_path / "other.db") as other:
        replica.alter("ALTER TABLE task ADD COLUMN due TEXT")
        replica.connection.execute("UPDATE task SET due = 'soon'")
        other.merge(replica.export(other.vector()))
        created = other.connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (PARKED,)).fetchall()
    assert created == [(documented_sql()[PARKED],)]


def test_clock_columns_are_explained(replica: Replica) -> None:
    """The columns of a clock row, and those of the views, are explained one by one."""
    tables = re.findall(r"^\| column \| meaning \|\n\|---.*\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    explained = [
        set(re.findall(r"`(\w[\w<>]*)`", "".join(row.split("|")[1] for row in rows.splitlines()))) for rows in tables
    ]
    clock = {name for (name,) in replica.connection.execute("SELECT name FROM pragma_table_info('_crdt_clock_task')")}
    assert explained[5] == {re.sub(r"^c\d+_", "c<n>_", name) for name in clock} | {"k2"}
    for number, view in enumerate(("crdt_conflicts", "crdt_log", "crdt_revision", "crdt_unseen_overwrites"), 1):
        statement = "SELECT name FROM pragma_table_info(?)"
        present = {name for (name,) in replica.connection.execute(statement, (view,))}
        assert explained[number] - {"k1", "k2"} == present
    row = {column.split()[0] for column in documented_sql()["row_1"].splitlines()[1:-1]}
    assert explained[0] == row - {"v1", "t1", "s1"} | {"k2", "p1"}


def test_facts_about_the_file(replica: Replica, tmp_path: Path) -> None:
    """The documented facts are those of a file that was enabled, merged into and combined, those about one table, and those of rare conflicts."""
    replica.clone(tmp_path / "other.db")
    with Replica.open(tmp_path / "other.db") as other:
        other.connection.execute("INSERT INTO task (id) VALUES ('o')")
        replica.merge(other.export(replica.vector()))
    apsw.Connection(str(tmp_path / "strange.db")).execute("CREATE TABLE task (id)")
    replica.combine(tmp_path / "strange.db")
    replica.compact()
    present = [name for (name,) in replica.connection.execute("SELECT name FROM _crdt_meta")]
    names = {f"`{name.replace('triggers:1', 'triggers:<table>')}`" for name in present}
    about_one = {f"`{word}:<table>`" for word in typing.get_args(Fact)}
    assert set(documented_names("name")) == names | about_one | {
        "`aside`",
        "`chains`",
        "`chain:<site>`",
        "`fork:<site>`",
        "`proven_only`",
        "`aside_last`",
        "`claim_token`",
        "`compact_silent_ms`",
        "`compacted`",
        "`era:<uid>`",
        "`guarded`",
        "`signs`",
        "`signed_only`",
        "`signer:<site>`",
        "`allow:<site>`",
        "`differs:<site>`",
        "`heard:<what>`",
        "`names_looked`",
        "`severed`",
        "`lane:<site>`",
        "`remote:<name>`",
        "`name:<site>`",
        "`named`",
        "`replica_id`",
        "`started`",
        "`starts:<site>`",
        "`unseen`",
        "`purged`",
        "`unforetold`",
        *(f"`{name}`" for name in blocks_rule.of_lane(0).facts),
    }
    assert f"`format` | version of the tables described here: {FORMAT} |" in PAGE


def test_reasons_of_held_rows() -> None:
    """The documented reasons are those that rows can be held for, as they are stored here and as people see them in docs/PYTHON.md."""
    stored = re.findall(r"`(.*?)`", " ".join(documented_names("`reason`")))
    assert {reasons.read(reason.replace("<JSON array>", "[]"))[0] for reason in stored} == reasons.KINDS.keys()
    (seen,) = re.findall(
        r"^\| `HeldRow` \| .*?`reason`: (.*?); ",
        (ROOT / "docs" / "PYTHON.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert set(re.findall(r"`(.*?)`", seen)) == {*reasons.KINDS, "table"}


def test_column_types() -> None:
    """The page, and the table of the README, name all column types."""
    (line,) = re.findall(
        r"^\| `tables\[\]\.columns` \| .*?`type` is how the column merges: (.*) \(", PAGE, re.MULTILINE
    )
    assert re.findall(r"`(.*?)`", line) == list(TYPES)
    readme = (ROOT / "README.md").read_text(encoding="utf-8").split("## Column types")[1].split("\n## ")[0]
    named = re.findall(r"`(.*?)`", " ".join(re.findall(r"^\| (`.*?) \|", readme, re.MULTILINE)))
    assert sorted(named) == sorted(TYPES)


def test_operations_in_the_log(replica: Replica) -> None:
    """The documented operations of the log are those that the triggers write."""
    replica.connection.execute("CREATE UNIQUE INDEX by_title ON task (title)")
    replica.export()  # mends the triggers, which depend on the index
    replica.connection.execute(
        """INSERT INTO task VALUES ('a', 'x', 0), ('b', 'y', 0); UPDATE task SET votes = 1; UPDATE task SET id = 'c' WHERE id = 'a';
        DELETE FROM task WHERE id = 'c'; INSERT OR REPLACE INTO task VALUES ('d', 'y', 0)"""
    )
    found = {str(op) for (op,) in replica.connection.execute("SELECT DISTINCT op FROM _crdt_log")}
    assert FIRST_UPDATE_OP == 4
    assert set(documented_names("op")) == {"4 + w" if op == "4" else op for op in found}


def test_names_of_triggers(tmp_path: Path) -> None:
    """The documented names of triggers are those that the code gives."""
    connection = apsw.Connection(str(tmp_path / "wide.db"))
    columns = ", ".join(f"c{number}" for number in range(61))
    connection.execute(f"CREATE TABLE task (id TEXT PRIMARY KEY, name UNIQUE, {columns})")
    connection.close()
    with Replica.open(tmp_path / "wide.db") as replica:
        replica.enable("task")
        listing = "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
        triggers = replica.connection.execute(listing).fetchall()
        replica.set_rows("task", "grow-only")
        triggers += replica.connection.execute(listing).fetchall()
        replica.connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY AUTOINCREMENT)")
        replica.enable("note")
        only_numbered = {("_crdt_replace_note",), ("_crdt_block_note",)} & set(
            replica.connection.execute(listing).fetchall()
        )
        triggers += [(name.replace("_note", "_task"),) for (name,) in only_numbered]
    listed = PAGE.split("The capture triggers are named")[1].split("### 2.3")[0]
    documented = set(re.findall(r"`(\w+)`", listed)) - {"what"}
    assert {name.removeprefix("_crdt_").removesuffix("_task") for (name,) in triggers} == documented


def test_limits() -> None:
    """The documented limits are those of the code."""
    rows = re.findall(r"^\| `([a-z.]+)\.(\w+)` \| (\d+) \|$", PAGE, re.MULTILINE)
    assert len(rows) == len(documented_names("limit"))
    for module, name, value in rows:
        assert getattr(importlib.import_module(f"crdtsql.{module}"), name) == int(value), name
