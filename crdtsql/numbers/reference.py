"""Reference: declare to crdtsql alone what a column refers to, take that back, and list what was declared (decision 0022).

Such a reference is followed and never enforced: where it leads nowhere, its row is shown all the same. Runs inside the caller's write
transaction, on a folded registry, with foreign keys not enforced. No event comes of it: other replicas must be told the same, as for a
UNIQUE policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from crdtsql.base import Declared, SchemaMismatchError, UsageError, caseless, suggest
from crdtsql.capture import without_capture
from crdtsql.numbers import followers, foretelling, late
from crdtsql.numbers.followers import Follower
from crdtsql.shown import Scene, noting, settle, strangers
from crdtsql.sqlite import schema
from crdtsql.store import Registry, Table
from crdtsql.wire import TableHeader


@dataclass(frozen=True, slots=True)
class FollowedReference:
    """A reference that was declared to crdtsql alone.

    Attributes:
        missing: what is not in this file, so that nothing is followed; "" if all is.
    """

    table: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    missing: str = ""

    @property
    def names(self) -> tuple[str, str]:
        """Return what refers and what it refers to, as the command takes them."""
        return _named(self.table, self.columns), _named(self.parent, self.parent_columns)

    def to_json(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        return asdict(self)


def references(registry: Registry) -> list[FollowedReference]:
    """List what was declared, by table and column."""
    return [describe(registry, table, one) for table in registry.tables() for one in table.references]


def describe(registry: Registry, table: Table, declared: Declared) -> FollowedReference:
    """Name the tables and columns of a reference as this file does, and by their uids where it lacks them."""
    parent = registry.find_uid(declared.parent)
    missing = [
        named.name if lacking == named.uid else _named(named.name, [lacking])
        for named, uids in ((table, declared.columns), (parent, declared.targets))
        if named is not None
        for lacking in ([named.uid] if named.absent else [uid for uid in uids if uid not in named.uids])
    ]
    missing += [declared.parent] if parent is None else []
    return FollowedReference(
        table.name,
        _names(table, declared.columns),
        declared.parent if parent is None else parent.name,
        _names(parent, declared.targets),
        ", ".join(missing),
    )


def _names(table: Table | None, uids: Iterable[str]) -> tuple[str, ...]:
    if table is None:
        return tuple(uids)
    known = dict(zip(table.uids, table.names, strict=True)) | {field.uid: field.name for field in table.parked}
    return tuple(known.get(uid, uid) for uid in uids)


def _named(table: str, columns: Iterable[str]) -> str:
    return f"{table}.{','.join(columns)}"


def set_reference(registry: Registry, child: str, parent: str) -> bool:
    """Declare that columns, `table.column` or `table.a,b`, refer to others; return whether that was not declared yet.

    Raises:
        NotEnabledError: a table is not replicated, or not in this file.
        UsageError: there are no such columns, or they can't be followed.
    """
    table, columns = _parse(registry, child)
    other, targets = _parse(registry, parent)
    declared = Declared(table.uids_of(columns), other.uid, other.uids_of(targets))
    if declared in table.references:
        return False
    _check(registry, table, columns, other, targets)
    _change(registry, table, [*table.references, declared])
    return True


def drop_reference(registry: Registry, child: str, parent: str | None = None) -> bool:
    """Take back what was declared of columns; return whether anything was.

    Args:
        parent: only as referring to these columns.

    Raises:
        NotEnabledError: the table is not replicated.
        UsageError: it can't be taken back.
    """
    wanted = [
        (table, one)
        for table in registry.tables()
        for one in table.references
        for names in [describe(registry, table, one).names]
        if _alike(child, names[0]) and (parent is None or _alike(parent, names[1]))
    ]
    if not wanted:
        _parse(registry, child)
        return False
    for table, declared in wanted:
        left = registry.table(table.name)
        _change(registry, left, [one for one in left.references if one != declared])
    return True


def adopt(registry: Registry, table: Table, theirs: TableHeader) -> Table:
    """Take over what a changeset says of columns that the user's table lacks, which can't be declared here.

    Raises:
        SchemaMismatchError: it can't be taken over.
    """
    found = [one for one in theirs.references if one not in table.references and table.names_of(one.columns) is None]
    if not found:
        return table
    try:
        return _change(registry, table, [*table.references, *found])
    except UsageError as error:
        raise SchemaMismatchError(f"{error}, and the changeset says that it does; nothing was changed") from error


def take_over(registry: Registry, table: Table, declared: Declared) -> None:
    """Declare what another replica has declared.

    Raises:
        UsageError: it can't be declared here any more.
    """
    if declared not in table.references:
        _change(registry, table, [*table.references, declared])


def differing(table: Table, theirs: TableHeader) -> list[Declared]:
    """List what a table's columns refer to on one side alone, as far as both sides have these columns."""
    listed = {*theirs.key_uids, *theirs.uids}
    ours = {one for one in table.references if listed.issuperset(one.columns)}
    there = {one for one in theirs.references if one in ours or table.names_of(one.columns) is not None}
    return sorted(ours ^ there)


def _alike(given: str, named: str) -> bool:
    return caseless(",".join(part.strip() for part in given.split(","))) == caseless(named)


# -- what can be declared -------------------------------------------------------------------------


def _parse(registry: Registry, given: str) -> tuple[Table, tuple[str, ...]]:
    """Read `table.column` or `table.a,b`, as the database spells both; a dot may be part of a name."""
    places = [place for place, letter in enumerate(given) if letter == "."]
    known = {caseless(table.name): table for table in registry.tables()}
    place = next((place for place in places if caseless(given[:place]) in known), places[0] if places else 0)
    if not place:
        raise UsageError(f"{given!r} names no column: say which one, as in table.column, or table.a,b for several")
    table, rest = registry.present_table(given[:place]), given[place + 1 :]
    names = dict(zip(map(caseless, table.names), table.names, strict=True))
    columns = [rest] if caseless(rest) in names else [name.strip() for name in rest.split(",")]
    for column in columns:
        if caseless(column) not in names:
            raise UsageError(
                f"table {table.name!r} has no replicated column {column!r}; "
                f"{suggest.instead(column, table.names, 'columns')}"
            )
    return table, tuple(names[caseless(column)] for column in columns)


def _check(registry: Registry, table: Table, columns: Sequence[str], parent: Table, targets: Sequence[str]) -> None:
    """Check that columns can be declared to refer to others."""
    named, other = _named(table.name, columns), _named(parent.name, targets)
    if len(columns) != len(targets) or len({*columns}) != len(columns):
        raise UsageError(f"{named} can't refer to {other}: name each column that refers once, and one column for each")
    if (table.uid, tuple(columns)) == (parent.uid, tuple(targets)):
        raise UsageError(f"{named} can't refer to itself")
    typed = [field.name for field in table.typed_fields if field.name in columns]
    if typed:
        raise UsageError(
            f"{table.name}.{typed[0]} can't refer to {other}: its column type merges values, so that no reference would be left; "
            f"{suggest.command('type', registry.path, table.name, typed[0], 'lww')} makes it an ordinary column"
        )
    if table.is_numbered and table.key[0] in columns:
        raise UsageError(
            f"{named} can't refer to {other}: it is the automatic number of its own row; say that the key is the row, with "
            f"{suggest.command('disable', registry.path, table.name)} and "
            f"{suggest.command('enable', registry.path, table.name, options=['--identity', 'key'])} on every replica, first"
        )
    keys = [tuple(map(caseless, parent.key))]
    keys += [tuple(caseless(str(part)) for part in index.columns) for index in _plain_indexes(registry, parent)]
    if sorted(map(caseless, targets)) not in [sorted(key) for key in keys]:
        unique = "; ".join(", ".join(key) for key in keys)
        raise UsageError(
            f"{named} can't refer to {other}: several rows could have that value, since it is neither the key of {parent.name!r} nor "
            f"UNIQUE; these are: {unique}"
        )
    pairs = {*zip(map(caseless, columns), map(caseless, targets), strict=True)}
    for key in schema.foreign_keys(registry.connection, table.name):
        own = zip(map(caseless, key.columns), map(caseless, key.parent_columns), strict=False)
        if caseless(key.parent) == caseless(parent.name) and {*own} == pairs:
            raise UsageError(f"the schema declares already that {named} refers to {other}: nothing is left to do")


def _plain_indexes(registry: Registry, table: Table) -> list[schema.UniqueIndex]:
    return [index for index in schema.unique_indexes(registry.connection, table.name) if index.is_plain]


# -- changing what follows ------------------------------------------------------------------------


def _change(registry: Registry, table: Table, declared: Iterable[Declared]) -> Table:
    """Register what a table's columns refer to; what follows from now on, or no more, gets the numbers that it would have had.

    Raises:
        UsageError: it can't be.
    """
    with noting(registry):
        scene = Scene(registry)
        tables = [side.table for side in scene.sides if not side.table.absent]
        with without_capture(registry.connection, tables), strangers.kept(registry, tables):
            scene.lift()
            before = _following(registry)
            known = {*table.references}
            table = registry.set_references(table, declared)
            after = _following(registry)
            if {*table.references} - known:
                _refuse(registry, [follower for name, (_, follower) in before.items() if name not in after])
            for name, (numbered, follower) in after.items():
                if name not in before and _can_translate(registry, numbered, follower):
                    late.follow(registry, numbered, follower)
            for name, (numbered, follower) in before.items():
                if name not in after and _can_translate(registry, numbered, follower):
                    late.unfollow(registry, numbered, follower)
            if any(name not in before and follower.position for name, (_, follower) in after.items()):
                foretelling.adopt(registry, [table.name])
            settle(registry, everything=True)
    return table


def _following(registry: Registry) -> dict[tuple[int, str, str], tuple[Table, Follower]]:
    """Return which columns hold the numbers of which tables."""
    return {
        (table.id, caseless(follower.name), follower.column.text): (table, follower)
        for table in registry.tables()
        if table.is_numbered
        for follower in followers.to_table(registry, table)
    }


def _refuse(registry: Registry, lost: Sequence[Follower]) -> None:
    if lost:
        raise UsageError(
            f"{_column(lost[0])} holds the ids of another table already, and one column can't follow two: take that back "
            f"first ({suggest.command('reference', registry.path)} lists what is declared beside the schema)"
        )


def _column(follower: Follower) -> str:
    if follower.table is None or (follower.field is None and not follower.position):
        return f"{follower.name}.{follower.column}"
    return f"{follower.name}.{follower.table.key[follower.position - 1] if follower.field is None else follower.field.name}"


def _can_translate(registry: Registry, numbered: Table, follower: Follower) -> bool:
    """Tell whether there is anything to translate, and refuse what can't be: rows whose keys were taken for one are one row now."""
    if not late.has_lost(registry, numbered):
        return False
    if follower.position:
        raise UsageError(
            f"{_column(follower)} is part of a key, and rows of {numbered.name!r} have got other ids already "
            f"({suggest.command('renumbered', registry.path)} lists them): it is too late to change whether it "
            "follows, because rows with equal keys are one row by now"
        )
    return True
