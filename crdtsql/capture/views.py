"""Views that any program may read: `crdt_conflicts`, `crdt_log`, `crdt_renumbered`, `crdt_revision`, `crdt_unseen_overwrites`,
`crdt_attributions`, `crdt_history`, `crdt_asof`, and `crdt_actor`, into which a writer puts who it is.

Some of them name our tables for all of the user's, and their columns. So whoever is about to create, drop or alter one of those drops
the views first (`drop`), and the session makes them anew before the transaction ends (`restore`). Nothing else writes for them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import apsw

from crdtsql.base import EMPTY, Sql, fragment, identifier, integer, joined, naming, query, reasons, sql, text, verbatim
from crdtsql.store import Damage, Registry, Remedy, Table, acting, damage

MOST_SELECTS = 400
"""SQLite allows 500 SELECTs in one UNION ALL."""
MOST_STAMPS = 33
"""SQLite allows a function 127 arguments, or 100 as the oldest versions do, and each stamp takes three."""


def drop(registry: Registry) -> None:
    """Drop the views, until `restore`: one of our tables is going to change."""
    for name in (*damage.HISTORIES, *damage.VIEWS):
        registry.connection.execute(f"DROP VIEW IF EXISTS {name}")
    registry.lacks_views = True


def restore(registry: Registry) -> None:
    """Create the views again if they were dropped."""
    if registry.lacks_views:
        create(registry)


def create(registry: Registry) -> None:
    """Create the views; those that read all tables only in files where they cost other programs little (`damage.MOST_LOGGED`)."""
    drop(registry)
    for statement in statements(registry).values():
        registry.connection.execute(statement)
    registry.lacks_views = False


def statements(registry: Registry) -> dict[str, str]:
    """Return the CREATE statements of the views and of their triggers, which go with them; by name, in the order of making them."""
    tables = [table for table in registry.tables() if table.key]  # a damaged registration may have lost the key
    found = _of_conflicts(registry, actors=True)
    found["crdt_attributions"] = sql("capture/views/create_attributions", site_name=_site_shown("site"))
    found |= _of_actor()
    numbered = [_renumbered(table) for table in tables if table.is_numbered]
    nothing = fragment("capture/views/renumbered_of_none")
    found["crdt_renumbered"] = sql("capture/views/create_renumbered", renumbered=_union(numbered or [nothing]))
    if len(tables) <= damage.MOST_LOGGED:
        users = [table for table in tables if not table.is_history]
        found["crdt_log"] = _of_arrivals(users, actors=True)
        most = max((len(table.key) for table in users), default=1)
        revisions = [_revision(table, most) for table in users] or [fragment("capture/views/revision_of_none")]
        found["crdt_revision"] = sql("capture/views/create_revision", revisions=_union(revisions))
    return found | _histories(registry)


def altered(connection: apsw.Connection, expected: Mapping[str, str]) -> Iterator[Damage]:
    """Find views, and triggers on those that are there, that are gone or do not say what they must.

    Args:
        expected: name -> CREATE statement.
    """
    names = json.dumps([*expected])
    present = dict(query.rows(connection, sql("capture/views/list_present"), {"names": names}))
    for name, statement in expected.items():
        view = statement.partition(" ON ")[2].split()[0] if name.startswith("_crdt_") else name
        if name not in present and (view == name or view in present):
            yield Damage(name, "is gone", Remedy.REBUILD)
        elif present.get(name, statement) != statement:
            yield Damage(name, "was altered", Remedy.REBUILD)


def _histories(registry: Registry) -> dict[str, str]:
    """Write the views of what was ever written, in a file that keeps the history of a table: name -> CREATE statement."""
    found = [
        (table, history)
        for table in registry.tables()
        if not table.absent and not table.is_history
        for history in [registry.find(table.history_name)]
        if history is not None and not history.absent
    ]
    if not found:
        return {}
    every = _union([_history(table, history) for table, history in found])
    return {
        "crdt_history": sql("capture/views/create_history", histories=every),
        "crdt_asof": sql("capture/views/create_asof"),
    }


def _history(table: Table, history: Table) -> Sql:
    names = {field.uid: field.name for field in table.fields}
    kept = [naming.of_kept_value(field.name) for field in history.fields]
    called = {uid: names.get(uid) or naming.gone(uid, names.values()) for uid in kept if uid is not None}
    values = [Sql(f"WHEN {text(uid)} THEN entry.{identifier(naming.kept_value(uid))}") for uid in called]
    renamed = [Sql(f"WHEN {text(uid)} THEN {text(name)}") for uid, name in called.items() if uid != name]
    keys = [Sql(f"entry.{identifier(naming.kept_key(uid))}") for uid in table.key_uids]
    return fragment(
        "capture/views/history_of_table",
        name=text(table.name),
        key=keys[0] if len(keys) == 1 else joined((Sql(f"quote({key})") for key in keys), " || ', ' || "),
        column=Sql(f"CASE wrote.value {joined(renamed, ' ')} ELSE wrote.value END") if renamed else Sql("wrote.value"),
        value=Sql(f"CASE wrote.value {joined(values, ' ')} END") if values else Sql("NULL"),
        history=history.quoted,
    )


def without_actors(registry: Registry, *, arrivals_alone: bool) -> None:
    """Create the views that say who wrote as files have them in which nobody says it.

    Args:
        arrivals_alone: only that of what arrived.
    """
    made = {} if arrivals_alone else _of_conflicts(registry, actors=False)
    tables = [table for table in registry.tables() if table.key]
    if len(tables) <= damage.MOST_LOGGED:
        made["crdt_log"] = _of_arrivals(tables, actors=False)
    for name in reversed([*made]):
        registry.connection.execute(f"DROP VIEW IF EXISTS {name}")
    for statement in made.values():
        registry.connection.execute(statement)


def _of_arrivals(tables: list[Table], *, actors: bool) -> str:
    """Write the view of what arrived."""
    is_new = {
        "row_is_new": fragment("capture/views/row_is_new"),
        "head_is_new": fragment("capture/views/head_is_new"),
    }
    newest = fragment("capture/views/newest", **is_new)
    names = ("actor", "run") if actors else ()
    return sql(
        "capture/views/create_log",
        changed=_union([_log(table, named=actors) for table in tables] or [fragment("capture/views/log_of_none")]),
        stamp=fragment("capture/views/stamp"),
        site_name=_site_shown("site"),
        referenced=text(reasons.REFERENCED),
        newest=newest,
        actors=joined((Sql(f",\n  {_by(newest.text, 'came.site', name)} AS {name}") for name in names), ""),
        **is_new,
    )


def _of_conflicts(registry: Registry, *, actors: bool) -> dict[str, str]:
    """Write the views of the conflict log."""
    parts = [fragment("capture/views/quoted_key_part", key=naming.key(n + 1)) for n in range(registry.log_key_count())]
    shown = {"winner_shown": _site_shown("winner"), "loser_shown": _site_shown("loser")}
    names = [(side, name) for side in ("lost", "won") for name in ("actor", "run")] if actors else []
    by = [Sql(f"{_by(f'conflict.{side}_t', f'conflict.{side}_s', name)} AS {side}_{name}") for side, name in names]
    conflicts = sql(
        "capture/views/create_conflicts",
        quoted_key=joined(parts, " || ', ' || "),
        actors=joined((Sql(f",\n  {one}") for one in by), ""),
        **shown,
    )
    overwrites = sql(
        "capture/views/create_unseen_overwrites",
        actors=joined((Sql(f",\n  {side}_{name}") for side, name in names), ""),
        told_actors=joined((Sql(f"told.{side}_{name} AS {side}_{name},\n    ") for side, name in names), ""),
    )
    return {"crdt_conflicts": conflicts, "crdt_unseen_overwrites": overwrites}


def _of_actor() -> dict[str, str]:
    """Write the view in which a writer says who it is, and its triggers."""
    found = {"crdt_actor": sql("capture/views/create_actor")}
    longest, longest_note = acting.LONGEST, acting.LONGEST_NOTE
    slots = {"longest": integer(longest), "longest_note": integer(longest_note)}
    message = text(
        f"crdtsql: crdt_actor takes an actor of 1 to {longest} characters, session and run of at most as many or NULL, and a "
        f"note of at most {longest_note}"
    )
    for event in ("insert", "update"):
        name = f"_crdt_acting_{event}"
        slots |= {"trigger": identifier(name), "event": verbatim(event.upper())}
        found[name] = sql("capture/views/trigger_actor", message=message, **slots)
    name = "_crdt_acting_delete"
    found[name] = sql("capture/views/trigger_no_actor", trigger=identifier(name))
    return found


def _by(hlc: str, site: str, name: str) -> Sql:
    """Say who wrote an event, or in which run; NULL where nobody said it."""
    return fragment("capture/views/by", hlc=Sql(hlc), site=Sql(site), name=identifier(name))


def _site_shown(alias: str) -> Sql:
    """Say how a row of `_crdt_site` is called for people: by its name and the first digits of its id, or by its id."""
    return fragment("capture/views/site_shown", site=identifier(alias))


def _union(parts: list[Sql]) -> Sql:
    """Bring parts together, in groups where they are too many for one UNION ALL."""
    if len(parts) > MOST_SELECTS:
        groups = [joined(parts[n : n + MOST_SELECTS], "\nUNION ALL\n") for n in range(0, len(parts), MOST_SELECTS)]
        parts = [Sql(f"SELECT * FROM (\n{group}\n)") for group in groups]
    return joined(parts, "\nUNION ALL\n")


def _renumbered(table: Table) -> Sql:
    return fragment(
        "capture/views/renumbered_of_table",
        name=text(table.name),
        clock=table.clock,
        born=table.born,
        clock_is_born=table.same_keys("clock", "born"),
    )


def _log(table: Table, *, named: bool) -> Sql:
    """Read what arrived of a table.

    Args:
        named: its columns keep their names if somebody gives others to those of the clocks, which they did not in earlier formats.
    """
    columns = [Sql(name) for name in ("gone", "t", "s", "dot_t", "dot_s")]
    stamps = [Sql(f"{one.id},{naming.stamp_t(one.id)},{naming.stamp_s(one.id)}") for one in table.fields]
    groups = [joined(stamps[n : n + MOST_STAMPS], ",") for n in range(0, len(stamps), MOST_STAMPS)]
    return fragment(
        "capture/views/log_of_table",
        id=integer(table.id),
        key=_key(table),
        clock=table.clock,
        held=table.held,
        columns=joined(Sql(f"{name} AS {name}") if named else name for name in columns),
        stamps=joined((Sql(f"json_array({group})") for group in groups), ","),
        others=joined((Sql(f",{naming.stamp_s(one.id)}") for one in table.fields), ""),
    )


def _revision(table: Table, most: int) -> Sql:
    """Read the revisions of a table's rows; where some table's key has several columns, k1, k2, ... stand behind, for look-ups.

    Args:
        most: how many columns the widest key of all tables has.
    """
    wide = most > 1
    names = [naming.key(number) for number in range(1, most + 1)]
    own = [*table.key_names, *[Sql("NULL")] * (most - len(table.key_names))] if wide else []

    def named(alias: str) -> Sql:
        keys = [*(Sql(f"{alias}.{key}") for key in table.key_names), *own[len(table.key_names) :]]
        return joined((Sql(f",{key} AS {name}") for key, name in zip(keys, names, strict=True)), "") if wide else EMPTY

    return fragment(
        "capture/views/revision_of_table",
        name=text(table.name),
        id=integer(table.id),
        clock=table.clock,
        clock_key=_key(table, "clock."),
        entry_key=_key(table, "entry."),
        k_names=joined((Sql(f",{name}") for name in names), "") if wide else EMPTY,
        clock_keys=named("clock"),
        entry_keys=named("entry"),
        clock_grouped=table.keys_of("clock"),
        entry_grouped=table.keys_of("entry"),
        entry_is_clock=table.same_keys("clock", "entry"),
        clock_is_entry=table.same_keys("clock", "entry"),
        stamps=table.stamps_of_clock,
        waiting=fragment("capture/views/waiting_revision"),
    )


def _key(table: Table, of: str = "") -> Sql:
    """Write a key for people: as it is, or as SQL literals where it has several columns."""
    if len(table.key_names) == 1:
        return Sql(f"{of}{table.key_names[0]}")
    return joined((Sql(f"quote({of}{key})") for key in table.key_names), " || ', ' || ")
