"""Damage: what is missing of our own tables, because somebody dropped, emptied or altered them.

Knows what each table of ours must have, what is lost with it, and whether it can be rebuilt; mends nothing. Only reads, and
takes nothing for granted: any of our tables may be gone. What is certain costs one look at a few rows, and is asked in every
operation; the rest is asked once the schema was changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache, partial

import apsw

from crdtsql.base import caseless, identifier, joined, memory, naming, query, sql, suggest, text
from crdtsql.store import catalogue, facts
from crdtsql.store.tables import Table

CORE = ("_crdt_meta", "_crdt_site", "_crdt_table", "_crdt_column")
"""Without these nothing in the file has a meaning."""
FACTS = (
    "format", "self", "clock", "batch", "unsettled", "conflicts_per_cell", "conflicts_total", "conflicts_bytes", "conflicts_pruned",
    "conflicts_last",
)  # fmt: skip
"""The facts that every file has."""
_QUOTED_FACTS = joined(map(text, FACTS))
VIEWS = (
    "crdt_unseen_overwrites",
    "crdt_attributions",
    "crdt_actor",
    "crdt_conflicts",
    "crdt_renumbered",
    "crdt_log",
    "crdt_revision",
)
HISTORIES = ("crdt_asof", "crdt_history")
"""Those that a file has while it keeps the history of a table."""
OPTIONAL_VIEWS = ("crdt_claims", "crdt_token", *HISTORIES)
"""Those that a file has once somebody asks for what they are about."""
OF_ALL_TABLES = ("crdt_log", "crdt_revision")
MOST_LOGGED = 100
"""How many tables may be replicated for the file to have the views `OF_ALL_TABLES`: SQLite resolves all views in each ALTER
TABLE, which takes time by the square of what a UNION ALL has."""
LOST = {
    "_crdt_log": "writes that no operation had folded yet",
    "_crdt_was": "values that were replaced since the last fold, in tables with a history",
    "_crdt_quiet": "",
    "_crdt_acting": "who has written since the last fold",
    "_crdt_attribution": "who wrote what in which run, as the writers said it",
    "_crdt_merged": "which writes had seen which others",
    "_crdt_conflict": "the conflict log",
    "_crdt_foretold": "which rows references in keys await",
    "_crdt_peer": "",
    "_crdt_progress": "",
    "_crdt_retired": "which ended sites are named no more",
    "_crdt_aside": "changesets that were set aside",
    "_crdt_link": "what sites signed of their changes, to be passed on",
    "clock": "who wrote what, and when",
    "held": "the values of deleted and held rows",
    "heads": "concurrent writes and deletes of one row",
    "parts": "what the values of typed columns are made of",
    "born": "which row has which number",
    "parked": "values of columns that this file lacks",
    "absent": "rows of a table that is not in this file",
    "moved": "which rows are shown under other keys than their own",
}
"""What is lost with a table of ours."""
MADE_LATE = {"_crdt_aside": "aside", "_crdt_link": "chains"}
"""Tables that a file has once something stands in them, and the fact that says that it has."""


LACKS_ROWS = "lacks rows"
NONE, ONLY_VALUES, ROWS = "nothing", "values of deleted rows", "rows"


class Remedy(Enum):
    """What helps: to rebuild it, to take one table off, or to take everything off."""

    REBUILD = "repair"
    DISABLE = "disable"
    DISABLE_ALL = "disable --all"


@dataclass(frozen=True, slots=True)
class Damage:
    """Something of ours that is not as it was left.

    Attributes:
        what: the object of ours.
        problem: what is wrong with it.
        lost: what is lost with it, "" if nothing.
        table: the user's table that it belongs to, "" if it belongs to the file.
    """

    what: str
    problem: str
    remedy: Remedy
    lost: str = ""
    table: str = ""

    def __str__(self) -> str:
        lost = f", and with it {self.lost}" if self.lost else ""
        return f"{self.what} {self.problem}{lost}"


def advice(found: list[Damage], path: str) -> str:
    """Say what to do about damage, and what becomes of the user's tables."""
    remedies = {damage.remedy for damage in found}
    if Remedy.DISABLE_ALL in remedies:
        command = suggest.command("disable", path, options=["--all"])
        return f"{command} takes crdtsql off this file; your tables stay as they are"
    tables = [*dict.fromkeys(damage.table for damage in found if damage.remedy == Remedy.DISABLE)]
    if tables:
        command = suggest.command("disable", path, *tables)
        return f"{command} takes crdtsql off {', '.join(tables)}; what you have in there stays as it is"
    return f"{suggest.command('repair', path)} rebuilds it"


def is_sound(connection: apsw.Connection) -> bool:
    """Tell whether the tables are there without which nothing of ours has a meaning."""
    return memory.holds(connection, "sound", partial(_is_sound, connection))


def _is_sound(connection: apsw.Connection) -> bool:
    try:
        return query.first(connection, sql("store/damage/is_sound")) is not None
    except apsw.SQLError:
        return False


def fits(connection: apsw.Connection) -> bool:
    """Tell whether the few facts and rows that belong together do; where not, `look` says what is missing."""
    return memory.holds(connection, "fits", partial(_fits, connection))


def _fits(connection: apsw.Connection) -> bool:
    try:
        return bool(query.first(connection, sql("store/damage/fits", facts=_QUOTED_FACTS), {"facts": len(FACTS)})[0])
    except apsw.SQLError:
        return False


def has_moved(connection: apsw.Connection) -> bool:
    """Tell whether the schema was changed since the last look, or what we keep does not fit together."""
    return facts.schema_has_moved(connection) or not fits(connection)


def remains(connection: apsw.Connection) -> list[str]:
    """List what is in the schema that only crdtsql makes: tables and triggers; a view of ours alone hinders nobody."""
    rows = query.rows(connection, "SELECT name FROM main.sqlite_schema WHERE type IN ('table', 'trigger')")
    return [name for (name,) in rows if name.startswith("_crdt_")]


def look(connection: apsw.Connection, *, deep: bool = False) -> list[Damage]:
    """List what is not as it was left; nothing if crdtsql was never set up here.

    Args:
        deep: look at the rows of our tables too, whether those that belong together are there; reads all clocks.
    """
    present = _present(connection)
    if not present and not remains(connection):
        return []
    fatal = list(_of_core(connection, present))
    if fatal:
        return fatal
    tables = catalogue.read(connection)
    found = [*_of_file(connection, present, tables)]
    unregistered = {caseless(name) for (name,) in query.rows(connection, sql("store/damage/unregistered"))}
    for table in tables:
        if caseless(table.name) in unregistered:
            found.append(_hopeless(table.name, "_crdt_column", "lacks columns of it", "what its columns are"))
        else:
            found += _of_table(connection, present, table)
    if deep:
        whole = [table for table in tables if table.name not in {one.table for one in found}]
        found += [damage for table in whole for damage in _of_rows(connection, table)]
    for name in _strangers(connection, present, tables):
        found.append(_hopeless(name, "_crdt_table", "lacks it", "that it is replicated, and how"))
    return found


def _hopeless(table: str, what: str, problem: str, lost: str) -> Damage:
    return Damage(what, problem, Remedy.DISABLE, lost, table)


def _present(connection: apsw.Connection) -> dict[str, set[str]]:
    """Return the columns of all tables of ours that are there: name -> columns."""
    found: dict[str, set[str]] = {}
    for name, column in query.rows(connection, sql("store/damage/list_columns")):
        found.setdefault(name, set()).add(column)
    return found


@cache
def _declared() -> dict[str, frozenset[str]]:
    """Return the columns of the tables of ours that every file has."""
    return {name: frozenset(columns) for name, columns in _present(_scratch()).items()}


@cache
def statements() -> dict[str, str]:
    """Return the CREATE statements of the tables and indexes of ours that every file has, by name."""
    return dict(query.rows(_scratch(), "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL"))


def _scratch() -> apsw.Connection:
    scratch = apsw.Connection(":memory:")
    scratch.execute(sql("store/create"))
    return scratch


def _lacking(present: dict[str, set[str]], name: str, wanted: frozenset[str] | set[str]) -> str | None:
    """Say what a table of ours lacks, None if nothing."""
    if name not in present:
        return "is gone"
    missing = sorted(wanted - present[name])
    return f"has lost its column {', '.join(missing)}" if missing else None


def _of_core(connection: apsw.Connection, present: dict[str, set[str]]) -> Iterator[Damage]:
    """Find what leaves nothing to go on with."""
    lost = "what all the others mean"
    for name in CORE:
        problem = _lacking(present, name, _declared()[name])
        if problem is not None:
            yield Damage(name, problem, Remedy.DISABLE_ALL, lost)
            return
    if not is_sound(connection):
        yield Damage(
            "_crdt_meta or _crdt_site", "lacks the rows that say which replica this is", Remedy.DISABLE_ALL, lost
        )
        return
    if "site" in present.get("_crdt_progress", ()) and query.exists(
        connection, "_crdt_progress", "site NOT IN (SELECT ordinal FROM _crdt_site)"
    ):
        yield Damage("_crdt_site", "lacks sites whose changes are here", Remedy.DISABLE_ALL, "who wrote what")
    others = query.first(connection, "SELECT count(*) FROM _crdt_site WHERE upto > 0")[0] > 1
    problem = _lacking(present, "_crdt_merged", _declared()["_crdt_merged"])
    if problem is not None and others:
        yield Damage("_crdt_merged", problem, Remedy.DISABLE_ALL, LOST["_crdt_merged"])


def _of_file(connection: apsw.Connection, present: dict[str, set[str]], tables: list[Table]) -> Iterator[Damage]:
    """Find what is missing that belongs to no table of the user's, and can be rebuilt."""
    keys = {str(naming.key(number)) for number in range(1, max((len(table.key) for table in tables), default=1) + 1)}
    for name, columns in _declared().items():
        wanted = columns | keys if name in ("_crdt_log", "_crdt_conflict") else columns
        problem = _lacking(present, name, wanted)
        if problem is not None:
            lost = "" if name == "_crdt_merged" else LOST[name]
            yield Damage(name, problem, Remedy.REBUILD, lost)
    views = {name for (name,) in query.rows(connection, "SELECT name FROM main.sqlite_schema WHERE type = 'view'")}
    histories = HISTORIES if any(table.is_history and not table.absent for table in tables) else ()
    for name in (*VIEWS, *histories):
        if name not in views and not (name in OF_ALL_TABLES and len(tables) > MOST_LOGGED):
            yield Damage(name, "is gone", Remedy.REBUILD)
    for name, fact in MADE_LATE.items():
        if name not in present and facts.get(connection, fact) is not None:
            yield Damage(name, "is gone", Remedy.REBUILD, LOST[name])
    indexes = _indexes(connection)
    if "_crdt_conflict" in present and "_crdt_conflict_row" not in indexes:
        yield Damage("_crdt_conflict_row", "is gone", Remedy.REBUILD)
    quiet = "_crdt_quiet" in present and query.exists(connection, "main._crdt_quiet")
    if quiet:
        lost = "what was written to your tables since then"
        yield Damage("_crdt_quiet", "has a row, so that nothing is captured", Remedy.REBUILD, lost)
    if (
        not quiet
        and _lacking(present, "_crdt_progress", _declared()["_crdt_progress"]) is None
        and not fits(connection)
    ):
        yield Damage("facts in _crdt_meta", "are gone, or older than the rest", Remedy.REBUILD)


def _indexes(connection: apsw.Connection) -> set[str]:
    return {name for (name,) in query.rows(connection, "SELECT name FROM main.sqlite_schema WHERE type = 'index'")}


def columns_of(table: Table) -> dict[str, set[str]]:
    """Return what the tables of ours for one of the user's must have: clock, held, ... -> columns."""
    keys = {str(name) for name in table.key_names}
    stamps = {str(name) for field in table.fields for name in (naming.stamp_t(field.id), naming.stamp_s(field.id))}
    found = {
        "clock": keys | stamps | {"t", "s", "dot_t", "dot_s", "gone", "many", "held", "seq"},
        "held": keys | {"id", "reason", *(str(naming.value(field.id)) for field in table.fields)},
        "heads": keys | {"s", "t", "gone"},
    }
    if table.is_numbered:
        found["born"] = {"k1", "born_t", "born_s", "root_t", "root_s", "generation", "was"}
    if table.typed_fields:
        found["parts"] = keys | {"col", "part", "s", "t", "gone", "v", "n"}
    if table.parked:
        found["parked"] = keys | {"col", "v", "t", "s"}
    if table.places:
        found["moved"] = keys | {"held"}
    if table.absent:
        found["absent"] = {*table.names}
    return found


def _of_table(connection: apsw.Connection, present: dict[str, set[str]], table: Table) -> Iterator[Damage]:
    """Find what is missing of what is kept for one of the user's tables."""
    wanted = columns_of(table)
    for kind, columns in wanted.items():
        name = f"_crdt_{kind}_{table.name}"
        problem = _lacking(present, name, columns)
        if problem is None:
            continue
        rows = _rows_lost(connection, present, table, kind)
        remedy = Remedy.REBUILD if rows in (NONE, ONLY_VALUES) else Remedy.DISABLE
        yield Damage(name, problem, remedy, "" if rows == NONE else LOST[kind], table.name)
    yield from _of_births(connection, present, table)
    clock = present.get(f"_crdt_clock_{table.name}", set())
    if any(column[:1] == "c" and column[-2:] == "_t" for column in clock - wanted["clock"]):
        yield _hopeless(table.name, "_crdt_column", "lacks a column of it", "what its columns are")
    if f"_crdt_absent_{table.name}" in present and not table.absent:
        yield Damage("_crdt_meta", "does not say that it is kept for other replicas", Remedy.REBUILD, "", table.name)
    if f"_crdt_parked_{table.name}" in present and not table.parked:
        yield _hopeless(table.name, "_crdt_meta", "does not say which columns are parked", LOST["parked"])
    indexes = _indexes(connection)
    for index, kind in (
        (naming.clock_index(table.name), "clock"),
        (naming.kept_index(table.name), "held"),
        *([(naming.born_index(table.name), "born")] if table.is_numbered else []),
    ):
        plain = str(index)[1:-1].replace('""', '"')
        if f"_crdt_{kind}_{table.name}" in present and plain not in indexes:
            yield Damage(plain, "is gone", Remedy.REBUILD, "", table.name)


def _of_births(connection: apsw.Connection, present: dict[str, set[str]], table: Table) -> Iterator[Damage]:
    """Find out whether births of a table that were put away are still there; what they stand in is made with the first one."""
    problem = _lacking(present, "_crdt_births", {"tbl", "first", "last", "packed"})
    if problem is not None and facts.get(connection, table.fact("births")) is not None:
        alone = _is_alone(connection)
        remedy = Remedy.REBUILD if alone else Remedy.DISABLE
        yield Damage("_crdt_births", problem, remedy, "" if alone else LOST["born"], table.name)


def _is_alone(connection: apsw.Connection) -> bool:
    """Tell whether no other site ever wrote anything that is here."""
    return bool(query.first(connection, "SELECT count(*) FROM _crdt_site WHERE upto > 0")[0] <= 1)


def _rows_lost(connection: apsw.Connection, present: dict[str, set[str]], table: Table, kind: str) -> str:
    """Tell what a table of ours had in it that is missing, or lacks columns, as far as the clocks tell."""
    clock = present.get(f"_crdt_clock_{table.name}", set())
    if kind in ("clock", "parked", "absent", "moved") or not {"many", "held", "gone"} <= clock:
        return ROWS
    condition = {"heads": "many IS NOT NULL", "held": "held IS NOT NULL"}.get(kind, "1")
    if not query.exists(connection, table.clock, condition):
        return NONE if _is_alone(connection) or kind in ("heads", "held") else ROWS
    if kind == "held" and not query.exists(connection, table.clock, "held IS NOT NULL AND gone IS NULL"):
        return ONLY_VALUES
    return ROWS


def _of_rows(connection: apsw.Connection, table: Table) -> Iterator[Damage]:
    """Find rows of ours that others refer to and that are gone."""
    ours = {"clock": table.clock, "clock_is_held": table.same_keys("clock", "held"), "held": table.held}
    clock, held = f"_crdt_clock_{table.name}", f"_crdt_held_{table.name}"
    heads = {"clock_is_heads": table.same_keys("clock", "heads"), "heads": table.heads}
    if query.first(connection, sql("store/damage/clocks_gone", **ours, **heads))[0]:
        yield Damage(clock, LACKS_ROWS, Remedy.DISABLE, LOST["clock"], table.name)
    if table.places and not table.absent:
        places = {"moved": table.moved, "table": table.quoted, "shown_is_held": table.row_has_key_of("shown", "held")}
        if query.first(connection, sql("store/damage/places_gone", held=table.held, clock=table.clock, **places))[0]:
            yield Damage(f"_crdt_moved_{table.name}", LACKS_ROWS, Remedy.DISABLE, LOST["moved"], table.name)
    gone, live = query.first(connection, sql("store/damage/held_gone", clock=table.clock, held=table.held))
    if live:
        yield Damage(held, LACKS_ROWS, Remedy.DISABLE, LOST["held"], table.name)
    elif gone:
        yield Damage(held, LACKS_ROWS, Remedy.REBUILD, LOST["held"], table.name)


def _strangers(connection: apsw.Connection, present: dict[str, set[str]], tables: list[Table]) -> list[str]:
    """List tables for which we keep something, or which have triggers of ours, and that are not registered."""
    known = {caseless(table.name) for table in tables}
    found = {
        name[len(prefix) :]
        for name in present
        for prefix in ("_crdt_clock_", "_crdt_held_", "_crdt_heads_", "_crdt_absent_")
        if name.startswith(prefix)
    }
    found |= {
        name.removeprefix("_crdt_insert_")
        for (name,) in query.rows(connection, "SELECT name FROM main.sqlite_schema WHERE type = 'trigger'")
        if name.startswith("_crdt_insert_")
    }
    kept = {caseless(name): name for name in found}
    return sorted(name for key, name in kept.items() if key not in known)


def take_off(connection: apsw.Connection) -> None:
    """Take everything of ours off the file, whatever is left of it; the user's tables stay as they are."""
    for kind in ("trigger", "view", "table", "index"):  # an index stays with a table that was given another name
        rows = query.rows(connection, "SELECT name FROM main.sqlite_schema WHERE type = ?", (kind,))
        for (name,) in rows:
            if name.startswith("_crdt_") or (kind == "view" and name in (*VIEWS, *OPTIONAL_VIEWS)):
                connection.execute(f"DROP {kind} IF EXISTS {identifier(name)}")
    memory.forget(connection)
