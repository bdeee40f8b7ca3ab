"""An arrival: one table of a changeset, laid beside the local table of the same uid.

Pairs the columns of both sides and renders the slots that the merge statements share. Executes nothing. The statements
see three aliases: `incoming` (the row in the image), `clock` (the local clock row, if there is one) and `met` (a row that
both sides have).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from crdtsql.base import (
    WORD_BITS,
    Formed,
    SchemaMismatchError,
    Sql,
    fragment,
    identifier,
    integer,
    joined,
    naming,
    rendered,
    suggest,
    text,
)
from crdtsql.merge.beforehand.foreseeing import ForeseenRows
from crdtsql.sqlite import TableShape
from crdtsql.store import Field, Table
from crdtsql.types import TYPES
from crdtsql.wire import TableHeader, image


@dataclass(frozen=True, slots=True)
class Pair:
    """A value column that both sides have: the local field and its position in the changeset."""

    field: Field
    position: int

    @property
    def column(self) -> Sql:
        """Return the user's column, quoted."""
        return identifier(self.field.name)

    @property
    def held(self) -> Sql:
        """Return the column of the table of held rows."""
        return naming.value(self.field.id)

    @property
    def slots(self) -> dict[str, Sql]:
        """Return the slots that name the cell on both sides."""
        value, t, s = image.cell(self.position)
        return {
            "value": value,
            "t": t,
            "s": s,
            "old_t": naming.stamp_t(self.field.id),
            "old_s": naming.stamp_s(self.field.id),
        }

    @property
    def sent(self) -> dict[str, Sql]:
        """Return the slots of the bit that says whether the cell was sent."""
        return {
            "word": Sql(f"p{self.position // WORD_BITS}"),
            "incoming_bit": integer(self.position % WORD_BITS),
        }

    @property
    def bit(self) -> Sql:
        """Return the bit of the local mask words."""
        return integer(self.field.bit)

    @property
    def won(self) -> Sql:
        """Return the word whose bit says that the incoming cell wins."""
        return Sql(f"won{self.field.word}")

    @property
    def clash(self) -> Sql:
        """Return the word whose bit says that both cells were written concurrently."""
        return Sql(f"clash{self.field.word}")


@rendered
def _layout(*_: Hashable) -> object:
    """Return something that is the same for the same arguments, and quickly compared: what a changeset has, and this replica."""
    return object()


class Arrival(Formed):
    """One table of an attached changeset and the local table that it merges into.

    Attributes:
        form: all that the statements depend on which are rendered of it.
        arrived: the table of the incoming rows with an event that is new here.
        foreseen: what was found out of its rows before the file was locked.
        bears: what arrived may change which rows are held.
        severed: how many references the merge set to NULL.
        unrelated: how many rows came in under the key of another one, if both sides filled the table separately.
        unseen: whether values that a table did not show go with some of the changeset's writes, as `taken` says.
    """

    def __init__(
        self,
        header: TableHeader,
        number: int,
        database: str,
        table: Table,
        shape: TableShape,
        path: str,
        arrived: Sql,
        *,
        unseen: bool = False,
    ) -> None:
        self.header = header
        self.arrived = arrived
        self.foreseen: ForeseenRows | None = None
        self.unseen = unseen
        self.severed = self.unrelated = 0
        self._winning: tuple[Pair, ...] = ()
        self._form: Hashable = None
        self.bears = False
        self.table = table
        self.shape = shape
        self.number = number
        self.image_slots = {"image": Sql(database), "row_table": image.row_table(number)}
        self.head_slots = self.image_slots | {"head_table": image.head_table(number)}
        fields = {field.uid: field for field in table.fields}
        self._check(fields, path)
        self.pairs = self._paired(fields)
        self._sent_alone: tuple[Pair, ...] | None = None
        self.parked = self._paired({field.uid: field for field in table.parked})
        both = {pair.field.id for pair in self.pairs}
        self.local_only = [field for field in table.fields if field.id not in both]

        self._layout = _layout(header.key, header.columns, header.uids, number, database, table, shape, unseen)

    @property
    def form(self) -> Hashable:
        """Return all that the statements depend on: both sides, and the columns that were sent and that win."""
        if self._form is None:
            sent = None if self._sent_alone is None else tuple([pair.position for pair in self._sent_alone])
            self._form = self._layout, self.arrived, sent, tuple([pair.position for pair in self._winning])
        return self._form

    def _check(self, fields: dict[str, Field], path: str) -> None:
        name = self.table.name
        forget = suggest.forget_kept(path, name) if self.table.absent else ""
        if self.header.key_uids != self.table.key_uids:
            raise SchemaMismatchError(
                f"table {name!r} has the primary key ({', '.join(self.table.key)}) here and "
                f"({', '.join(self.header.key)}) in the changeset: give both replicas the same key{forget}"
            )
        for (column, kind), uid in zip(self.header.columns, self.header.uids, strict=True):
            field = fields.get(uid)
            if field is not None and field.type != kind and column not in self.header.parked:
                change = suggest.command("type", path, f"{name}.{field.name}", kind)
                raise SchemaMismatchError(
                    f"column {name}.{column} has the type {field.type} here and {kind} in the changeset: nothing was changed; "
                    f"give it the same type on both replicas with {change} here, or give "
                    f"it the type {field.type} there, then export again{forget}"
                )

    def _paired(self, fields: dict[str, Field]) -> list[Pair]:
        """Pair columns of the changeset with fields; a column that its sender only keeps may have another type there."""
        columns = enumerate(zip(self.header.uids, self.header.columns, strict=True))
        return [Pair(fields[uid], n) for n, (uid, (_, kind)) in columns if uid in fields and fields[uid].type == kind]

    def foresee(self, foreseen: ForeseenRows) -> None:
        """Say what was found out of its rows before the file was locked."""
        self.foreseen, self.arrived, self._form = foreseen, foreseen.news, None

    def narrow(self, masks: list[int]) -> None:
        """Say which columns were sent of any row: by the bits of the changeset's mask words."""
        self._sent_alone = tuple(
            pair for pair in self.pairs if masks[pair.position // WORD_BITS] >> (pair.position % WORD_BITS) & 1
        )
        self._form = None

    def win(self, pairs: Iterable[Pair]) -> None:
        """Say of which columns any cell wins, of rows that are known here."""
        self._winning = tuple(pairs)
        self._form = None

    @property
    def winning(self) -> Sequence[Pair]:
        """Return the columns of which any cell wins, of rows that are known here; statements that write these name them alone."""
        return self._winning

    @property
    def is_narrow(self) -> bool:
        """Tell whether it was found out which columns were sent."""
        return self._sent_alone is not None

    @property
    def sent(self) -> Sequence[Pair]:
        """Return the columns that may have been sent of any row."""
        return self.pairs if self._sent_alone is None else self._sent_alone

    @property
    def words(self) -> range:
        """Return the numbers of the local mask words."""
        return range(self.table.words)

    def word_names(self, what: str) -> Sql:
        """Return `won0, won1, ...` or `clash0, ...`."""
        return joined(Sql(f"{what}{word}") for word in self.words)

    @property
    def changed(self) -> Sql:
        """Say that the incoming row wins something: a cell, or the spelling of the key."""
        conditions = [Sql(f"met.won{word} <> 0") for word in self.words]
        if self.respells:
            conditions.append(Sql("met.t <> met.old_t OR met.s <> met.old_s"))
        return joined(conditions, " OR ")

    @property
    def differs(self) -> Sql:
        """Say that the shown row `target` shows something else than what the incoming row changes it to."""
        found = [
            fragment(
                "merge/arrival/cell_differs",
                won=pair.won,
                bit=pair.bit,
                stored_otherwise=fragment(
                    "merge/arrival/stored_otherwise", ours=pair.slots["value"], column=pair.column
                ),
            )
            for pair in self.winning
        ]
        if self.respells:
            keys = zip(self.table.key_names, self.table.key, strict=True)
            found += [
                fragment(
                    "merge/arrival/key_differs",
                    stored_otherwise=fragment("merge/arrival/stored_otherwise", ours=key, column=identifier(name)),
                )
                for key, name in keys
            ]
        return Sql(f"CASE {joined(found, ' ')} ELSE 0 END") if found else Sql("0")

    @property
    def respells(self) -> bool:
        """Tell whether one key can have several spellings (`a` and `A` under NOCASE, 1 and 1.0)."""
        return not all(column.has_one_spelling for column in self.shape.key)

    def is_key_of(self, user_alias: str, ours: str) -> Sql:
        """Compare the user's key with that of a table of ours."""
        return self.table.row_has_key_of(user_alias, ours)

    def incoming_stamp(self, pair: Pair) -> tuple[Sql, Sql]:
        """Return the incoming cell's hlc and site, as the image says them."""
        _, t, s = image.cell(pair.position)
        return Sql(f"ifnull(incoming.{t}, incoming.t)"), Sql(f"ifnull(incoming.{s}, incoming.s)")

    def local_stamp(self, field: Field) -> tuple[Sql, Sql]:
        """Return the local cell's hlc and site ordinal before the merge."""
        return field.full_stamp

    def bits(self, what: str) -> Sql:
        """Render the mask words of the cells that win, or that clash, as `... AS won0, ... AS won1`."""
        rendered = []
        for word in self.words:
            parts = [self._bit(what, pair) for pair in self.sent if pair.field.word == word]
            rendered.append(Sql(f"{joined(parts, ' | ') if parts else 0} AS {what}{word}"))
        return joined(rendered, ",\n    ")

    def _bit(self, what: str, pair: Pair) -> Sql:
        new_t, new_s = self.incoming_stamp(pair)
        old_t, old_s = self.local_stamp(pair.field)
        stamps = {"new_t": new_t, "new_s": new_s, "old_t": old_t, "old_s": old_s}
        if what == "clash":
            return self._clash(pair, stamps)
        if pair.field.type != "lww":  # its merged value is always written
            return fragment("merge/arrival/cell_sent", bit=pair.bit, **pair.sent)
        return fragment("merge/arrival/cell_wins", bit=pair.bit, newer=self.is_newer(**stamps), **pair.sent)

    def _clash(self, pair: Pair, stamps: dict[str, Sql]) -> Sql:
        """Render the bit of a cell whose local value is lost though the incoming one's writer had not seen it, or not shown.

        What was written concurrently to a typed cell is merged, and not lost.
        """
        is_typed, slots = pair.field.type != "lww", {"bit": pair.bit, **pair.sent}
        clashes = fragment("merge/arrival/cell_clashes", **slots, **stamps)
        if not self.unseen:
            return integer(0) if is_typed else clashes
        if is_typed:
            taken = fragment("merge/arrival/takes_parts", col=integer(pair.field.id))
            overwrites = fragment("merge/arrival/cell_overwrites", taken=taken, **slots)
            kind = TYPES[pair.field.type]  # of one that keeps whole values, concurrent ones are logged one by one
            return Sql(f"({overwrites} & ~{clashes})") if kind.keeps_values and kind.explode is None else overwrites
        taken = fragment("merge/arrival/takes_value", newer=self.is_newer(**stamps), uid=text(pair.field.uid), **stamps)
        return Sql(f"({clashes} | {fragment('merge/arrival/cell_overwrites', taken=taken, **slots)})")

    def is_newer(self, new_t: Sql, new_s: Sql, old_t: Sql, old_s: Sql) -> Sql:
        """Compare an incoming stamp (its site as the image says it) with a local one: hlc first, then site id."""
        return fragment("merge/arrival/stamp_is_newer", new_t=new_t, new_s=new_s, old_t=old_t, old_s=old_s)

    @property
    def may_be_whole(self) -> bool:
        """Tell whether rows may have all value columns of the local table, none of them later than its genesis."""
        return not self.local_only and not any(pair.field.late for pair in self.pairs)

    @property
    def is_whole(self) -> Sql:
        """Say that all value columns of the local table were sent, so that a row of the genesis needs no clock row."""
        if not self.may_be_whole:
            return Sql("0")
        masks: dict[Sql, int] = {}
        for pair in self.pairs:
            word = pair.sent["word"]
            masks[word] = masks.get(word, 0) | 1 << pair.position % WORD_BITS
        return joined(
            [Sql(f"incoming.{word} & {mask} = {mask}") for word, mask in masks.items()] or [Sql("1")], " AND "
        )

    @property
    def user_columns(self) -> Sql:
        """Return `, "a", "b"`: the user's value columns that were sent, to follow the key's."""
        return joined((Sql(f", {pair.column}") for pair in self.pairs), "")

    @property
    def incoming_values(self) -> Sql:
        """Return the incoming key and values, in the order of `user_columns`."""
        values = [Sql(f"incoming.{key}") for key in self.table.key_names]
        return joined(values + [Sql(f"incoming.{image.cell(pair.position)[0]}") for pair in self.pairs])

    @property
    def merged_values(self) -> list[Sql]:
        """Return the key and all values of a row `target` as they are after the merge, from `incoming` and `met`."""
        values = []
        for key, name in zip(self.table.key_names, self.table.key, strict=True):
            column = Sql(f"target.{identifier(name)}")
            values.append(
                Sql(f"CASE WHEN met.t <> met.old_t OR met.s <> met.old_s THEN incoming.{key} ELSE {column} END")
            )
        pairs = {pair.field.id: pair for pair in self.pairs}
        for field in self.table.fields:
            column, pair = Sql(f"target.{identifier(field.name)}"), pairs.get(field.id)
            if pair is None:
                values.append(column)
            else:
                value = pair.slots["value"]
                values.append(
                    Sql(f"CASE WHEN (met.{pair.won} >> {pair.bit}) & 1 THEN incoming.{value} ELSE {column} END")
                )
        return values

    @property
    def staged_columns(self) -> list[Sql]:
        """Return `k1, ..., v0, ...`: where temporary tables keep what `merged_values` says."""
        return [*self.table.key_names, *(naming.value(field.id) for field in self.table.fields)]

    @property
    def local_defaults(self) -> list[Sql]:
        """Return the default values of the columns that only this replica has, in the order of `local_only`."""
        columns = {column.name: column for column in self.shape.columns}
        return [columns[field.name].default_value for field in self.local_only]

    @property
    def held_columns(self) -> Sql:
        """Return the columns of the table of held rows, in the order of `incoming_values`."""
        return joined([*self.table.key_names, *(pair.held for pair in self.pairs)])
