"""Tables and columns as they are registered, and what their parts are called in SQL. Reads and writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from typing import Literal, get_args

from crdtsql.base import (
    ABSENT,
    EVENT_MASK,
    Declared,
    OldNumbers,
    Sql,
    UsageError,
    caseless,
    identifier,
    joined,
    naming,
    policy,
)

INSERT_OP, FIRST_UPDATE_OP = 1, 4
"""The log's op of an insert, and of an update in mask word 0; 2 is a delete, 3 a row that may have been evicted."""


Fact = Literal[
    "parked",
    "absent",
    "unique",
    "references",
    "links",
    "triggers",
    "unsure",
    "places",
    "rests",
    "old_numbers",
    "births",
    "fence",
    "history",
    "recorded",
]
"""A word for a fact about one table, which `_crdt_meta` calls `<word>:<id>`: read with the table, and forgotten with it."""

MOST_ARGUMENTS = 90
"""How many arguments max() gets at a time; SQLite allows a function 127, or 100 as the oldest versions do."""

FIRST_PARKED = 1_000_000
"""The first id of a column that is not in the user's table; ids of those that are stay far below."""


@dataclass(frozen=True, slots=True)
class Field:
    """A replicated value column: its stable id and its name.

    Attributes:
        uid: what the column is called in changesets, whatever its name is now.
        late: the column is younger than the genesis, so that no row without a clock row ever wrote it.
    """

    id: int
    name: str
    type: str
    uid: str = ""
    late: bool = False

    @property
    def word(self) -> int:
        """Return the mask word that holds this column's bit."""
        return self.id // naming.WORD_BITS

    @property
    def bit(self) -> int:
        """Return the column's bit in its word."""
        return self.id % naming.WORD_BITS

    @property
    def clock_stamp(self) -> tuple[Sql, Sql]:
        """Return the hlc and the site of the cell in a row `clock`, which may be missing: NULL where they are the row's."""
        t, s = (Sql(f"clock.{stamp}") for stamp in (naming.stamp_t(self.id), naming.stamp_s(self.id)))
        if not self.late:
            return t, s
        return Sql(f"CASE WHEN clock.t IS NULL THEN {ABSENT} ELSE {t} END"), Sql(
            f"CASE WHEN clock.t IS NULL THEN :self ELSE {s} END"
        )

    @property
    def full_stamp(self) -> tuple[Sql, Sql]:
        """Return the hlc and the site of the cell whose clock row is `clock`, or which is of the genesis where that is missing."""
        t, s = self.clock_stamp
        return Sql(f"coalesce({t}, clock.t, :genesis_t)"), Sql(f"coalesce({s}, clock.s, :genesis_s)")


@dataclass(frozen=True, slots=True)
class Table:
    """A replicated table as registered.

    Attributes:
        genesis: stamp (t, site ordinal) of the rows that have no clock row, None if there are none.
        bulk: latest batch that is not in the index by `seq`.
        rows, granularity: the row policy and what an update stamps; `policy` has the names.
        identity: what a row is: its key, or its birth.
        uid: what the table is called in changesets, whatever its name is now.
        key_uids: the same for the key's columns.
        parked: columns of other replicas that the user's table does not have; their ids are `FIRST_PARKED` and more.
        absent: the table is not in this file; a placeholder has its rows.
        unsure: of how many rows it is not known whether this file saw all that was written to them, None if of none.
        places: it has shown rows under other keys than their own, so there is a table of ours that says which (decision 0023).
        rests: rows without stamps of their own may have had some that were forgotten; numbers in them mean who has these here.
        unique: what a row shows that lost a UNIQUE value, by the uids of the index columns; those that are held are left out.
        references: what columns refer to that the schema does not declare, sorted; also those that are not in this file now.
        history: for how many milliseconds all that is written is kept, 0 for ever; None if it is not.
        old_numbers: which genesis had which of the numbers that rows born since asked for too.
    """

    id: int
    name: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    genesis: tuple[int, int] | None
    bulk: int
    rows: str = policy.ADD_WINS
    granularity: str = policy.BY_COLUMN
    identity: str = policy.BY_KEY
    uid: str = ""
    key_uids: tuple[str, ...] = ()
    parked: tuple[Field, ...] = ()
    absent: bool = False
    places: bool = False
    rests: bool = False
    unique: Mapping[tuple[str, ...], str] = field(default_factory=dict, hash=False)
    unsure: int | None = None
    history: int | None = None
    references: tuple[Declared, ...] = ()
    old_numbers: tuple[OldNumbers, ...] = field(default=(), hash=False)

    def __hash__(self) -> int:
        """Make what is kept by table cheap to find, however many columns it has."""
        return hash((self.id, self.name, self.bulk))

    @property
    def is_plain(self) -> bool:
        """Tell whether everything about it is as usual that replicas tell each other, but for its columns and what a row is."""
        usual = self.rows == policy.ADD_WINS and self.granularity == policy.BY_COLUMN
        return usual and not self.unique and not self.references and not self.old_numbers

    def fact(self, word: Fact) -> str:
        """Return what a fact about this table is called."""
        return f"{word}:{self.id}"

    @property
    def facts(self) -> tuple[str, ...]:
        """Return what all facts about this table are called."""
        return tuple(self.fact(word) for word in get_args(Fact))

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the key's columns, then those of the fields."""
        return (*self.key, *(field.name for field in self.fields))

    def uids_of(self, columns: Iterable[str]) -> tuple[str, ...]:
        """Return the uids of columns."""
        uids = dict(zip(map(caseless, self.names), self.uids, strict=True))
        return tuple(uids.get(caseless(name), caseless(name)) for name in columns)

    def names_of(self, uids: Iterable[str]) -> tuple[str, ...] | None:
        """Return the names of columns by their uids, None if the user's table lacks one."""
        names = {} if self.absent else dict(zip(self.uids, self.names, strict=True))
        found = [names.get(uid) for uid in uids]
        return None if None in found else tuple(map(str, found))

    @property
    def uids(self) -> tuple[str, ...]:
        """Return the uids of the key's columns, then those of the fields."""
        return (*self.key_uids, *(field.uid for field in self.fields))

    def stamped_with(self, field: Field) -> Field:
        """Return the column whose bit in the log stamps a column: of granularity `row`, one for all that are last-writer-wins."""
        if self.granularity != policy.BY_ROW or field.type != "lww":
            return field
        return next(other for other in self.fields if other.type == "lww")

    @property
    def words(self) -> int:
        """Return how many mask words the value columns need (at least one)."""
        return 1 + max((field.word for field in self.fields), default=0)

    @property
    def plain_fields(self) -> tuple[Field, ...]:
        """Return the columns of which the last writer wins."""
        return tuple(field for field in self.fields if field.type == "lww")

    @property
    def typed_fields(self) -> tuple[Field, ...]:
        """Return the columns that have parts."""
        return tuple(field for field in self.fields if field.type != "lww")

    @property
    def may_have_parts(self) -> bool:
        """Tell whether there is a table of parts."""
        return any(field.type != "lww" for field in (*self.fields, *self.parked))

    @property
    def cells_parked(self) -> Sql:
        """Return the quoted name of the table of parked cells, which is there only if `parked` is not empty."""
        return naming.parked(self.name)

    @property
    def place(self) -> str:
        """Return the name of the table that has the rows: the user's, or the placeholder of one that is not in this file."""
        return naming.absent(self.name) if self.absent else self.name

    @property
    def history_name(self) -> str:
        """Return the name of the table with its history, whether there is one or not."""
        return naming.history(self.uid)

    @property
    def is_history(self) -> bool:
        """Tell whether it has the history of another table."""
        return naming.is_history(self.name)

    @property
    def is_numbered(self) -> bool:
        """Tell whether the key is only a number under which a row is shown."""
        return self.identity == policy.BY_BIRTH

    @property
    def born(self) -> Sql:
        """Return the quoted name of the table of births."""
        return naming.born(self.name)

    @property
    def moved(self) -> Sql:
        """Return the quoted name of the table of rows that stand under another key than their own, which need not be there."""
        return naming.moved(self.name)

    @property
    def parts(self) -> Sql:
        """Return the quoted name of the table of parts."""
        return naming.parts(self.name)

    @property
    def clock(self) -> Sql:
        """Return the quoted name of the clock table."""
        return naming.clock(self.name)

    @property
    def held(self) -> Sql:
        """Return the quoted name of the table of held rows."""
        return naming.held(self.name)

    @property
    def heads(self) -> Sql:
        """Return the quoted name of the overflow table for heads."""
        return naming.heads(self.name)

    @property
    def quoted(self) -> Sql:
        """Return the quoted name of the table that has the rows."""
        return identifier(self.place)

    @property
    def is_purged(self) -> Sql:
        """Say of a row `clock` that its values were purged, and nothing was written to it since.

        Its delete stamped every cell too, but for those that nobody ever wrote; an ordinary delete stamps none.
        """
        return _is_purged(self.fields)

    @property
    def key_names(self) -> tuple[Sql, ...]:
        """Return k1, k2, ...: the key columns' names in tables of ours."""
        return _key_names(len(self.key))

    @property
    def keys(self) -> Sql:
        """Return `k1, k2, ...`."""
        return joined(self.key_names)

    @property
    def key_columns(self) -> Sql:
        """Return the user's key columns, quoted, in the order of the key."""
        return joined(_quoted(self.key))

    def keys_of(self, alias: str) -> Sql:
        """Return `alias.k1, alias.k2, ...`."""
        return _columns_of(self.key_names, alias)

    def key_columns_of(self, alias: str) -> Sql:
        """Return `alias."id", ...` for the user's key columns."""
        return _columns_of(_quoted(self.key), alias)

    def same_keys(self, left: str, right: str) -> Sql:
        """Compare the keys of two tables of ours; the left one's collation counts."""
        return _same_keys(self.key_names, left, self.key_names, right)

    @property
    def stamps_of_clock(self) -> Sql:
        """Return what max() needs to give the newest event of a row `clock`."""
        return _stamps_of_clock(self.fields)

    @property
    def has_given_key(self) -> Sql:
        """Compare the key of a row of the user's table with the first values that are bound."""
        return _has_given_key(self.key)

    def check_no_history(self) -> None:
        """Check that the table is no history of another one, which follows that one in all.

        Raises:
            UsageError: it is one.
        """
        if self.is_history:
            raise UsageError(
                f"table {self.name!r} is the history of another table, and follows that one: change nothing of it"
            )

    def check_width(self, key: Sequence[object]) -> None:
        """Check that a key has as many parts as the table's.

        Raises:
            UsageError: it has not.
        """
        if len(key) != len(self.key):
            raise UsageError(f"the key of {self.name!r} is ({', '.join(self.key)}): give {len(self.key)} value(s)")

    def row_has_key_of(self, user_alias: str, ours: str) -> Sql:
        """Compare the key of the user's table with that of a table of ours."""
        return _same_keys(_quoted(self.key), user_alias, self.key_names, ours)


@lru_cache(maxsize=256)
def _is_purged(fields: tuple[Field, ...]) -> Sql:
    if not fields:
        return Sql("0")
    names = [(naming.stamp_t(field.id), naming.stamp_s(field.id)) for field in fields]
    stamped = [Sql(f"(clock.{t} IS clock.dot_t AND clock.{s} IS clock.dot_s)") for t, s in names]
    cells = [Sql(f"({same} OR clock.{t} IS {ABSENT})") for same, (t, _) in zip(stamped, names, strict=True)]
    heads = "clock.gone IS 1 AND clock.many IS NULL AND clock.dot_t IS NOT NULL"
    return Sql(f"(({heads}) AND ({joined(stamped, ' OR ')}) AND ({joined(cells, ' AND ')}))")


@lru_cache(maxsize=256)
def _stamps_of_clock(fields: tuple[Field, ...]) -> Sql:
    stamps = [Sql("clock.t"), Sql("ifnull(clock.dot_t, 0)")]
    stamps += [Sql(f"ifnull(clock.{naming.stamp_t(field.id)}, 0)") for field in fields]
    events = [Sql(f"{stamp} & {EVENT_MASK}") for stamp in stamps]
    groups = [joined(events[n : n + MOST_ARGUMENTS]) for n in range(0, len(events), MOST_ARGUMENTS)]
    return joined(Sql(f"max(0, {group})") for group in groups) if len(groups) > 1 else groups[0]


@lru_cache(maxsize=256)
def _key_names(count: int) -> tuple[Sql, ...]:
    return tuple(naming.key(position) for position in range(1, count + 1))


@lru_cache(maxsize=1024)
def _quoted(names: tuple[str, ...]) -> tuple[Sql, ...]:
    return tuple(identifier(name) for name in names)


@lru_cache(maxsize=1024)
def _has_given_key(names: tuple[str, ...]) -> Sql:
    return joined((Sql(f"{name} = ?{n}") for n, name in enumerate(_quoted(names), 1)), " AND ")


@lru_cache(maxsize=1024)
def _columns_of(names: tuple[Sql, ...], alias: str) -> Sql:
    return joined(Sql(f"{alias}.{name}") for name in names)


@lru_cache(maxsize=1024)
def _same_keys(these: tuple[Sql, ...], left: str, others: tuple[Sql, ...], right: str) -> Sql:
    pairs = zip(these, others, strict=True)
    return joined((Sql(f"{left}.{one} = {right}.{other}") for one, other in pairs), " AND ")


def free_uid(name: str, taken: set[str]) -> str:
    """Return a name, numbered if it is taken.

    >>> free_uid("a", {"a", "a~2"})
    'a~3'
    """
    numbered = (name if number == 1 else f"{name}~{number}" for number in count(1))
    return next(uid for uid in numbered if uid not in taken)
