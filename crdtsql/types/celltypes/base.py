"""What a column type has to say: which values it takes, how a value falls into parts, and how parts are shown.

A type only renders SQL (docs/decisions/0009). `explode` reads a table of whole writes (`id`, `value`) and gives the
`id, part, v` that they stand for; `show` reads the temporary table `_crdt_part` (`id, part, s, t, gone, v, n`; s a local site
ordinal) and gives `id, value`. One row per id must come out of `show`, and it must depend on the parts alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from crdtsql.base import Sql, fragment


class Kind(Enum):
    """How a write is found among the parts.

    LWW: there are no parts. WHOLE: each write replaces the cell. PARTS: the parts before and after are compared. TOTAL: the
    difference is added to the local site's total.
    """

    LWW = "lww"
    WHOLE = "whole"
    PARTS = "parts"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class CellType:
    """A column type.

    Attributes:
        name: as users write it.
        summary: what it does, for people.
        affinities: the column affinities that it works on; empty for all.
        takes: what values must be, to end the sentence "... must be ".
        invalid: (value, affinity) -> condition that is true for a value that it does not take; None if it takes all.
        shrinks: (old, new) -> condition for an update that it refuses; None if it refuses none.
        explode: name of the template that splits values, for types of the kind PARTS.
        names: name of the template that lists the names of a value's parts, for types of whose parts only names matter: they have no
            values, and none hides another.
        show: name of the template that joins parts.
        show_order: the slot `order` of that template, if it has one.
        valid_part: name of the template of a condition on a received `part` that a sound changeset fulfils.
        keeps_values: values of a part that were written concurrently are conflicts until somebody writes who has seen them.
        takes_best: of several values that are written one after the other, the first by `show_order` counts, not the last. `part.t`
            falls with time there: of values that are equally good, the oldest counts.
    """

    name: str
    summary: str
    kind: Kind
    takes: str = "anything"
    affinities: tuple[str, ...] = ()
    invalid: Callable[[Sql, str], Sql] | None = None
    shrinks: Callable[[Sql, Sql], Sql] | None = None
    explode: str | None = None
    names: str | None = None
    show: str = "types/celltypes/show_first"
    show_order: Sql | None = None
    keeps_values: bool = False
    takes_best: bool = False
    valid_part: str = "types/celltypes/valid_whole"

    def explode_sql(self, wholes: Sql) -> Sql | None:
        """Render the SELECT that splits whole writes; None if they are not split."""
        return fragment(self.explode, wholes=wholes) if self.explode is not None else None

    def names_sql(self, value: Sql) -> Sql | None:
        """Render the list of the names of a value's parts (`types/elements.py`); None if they need more than their names."""
        split = self.explode_sql(Sql(f"(SELECT 1 AS id, {value} AS value)"))
        if self.names is None or split is None:
            return None
        return fragment(self.names, value=value, split=split)

    def show_sql(self, *, exactly: bool = False) -> Sql:
        """Render the SELECT that joins the parts in `_crdt_part`.

        Args:
            exactly: some are numbers that SQLite can't add exactly; `:real` says then whether the column is REAL.
        """
        if self.kind is Kind.TOTAL:
            return fragment(
                self.show, sum=fragment("types/celltypes/sum_exactly" if exactly else "types/celltypes/sum")
            )
        if self.show_order is None:
            return fragment(self.show)
        return fragment(self.show, order=self.show_order)

    def exact_sql(self) -> Sql:
        """Render the SELECT of what counters add up to, as totals are stored; `:real` says whether the column is REAL."""
        return fragment(self.show, sum=fragment("types/celltypes/total_exactly"))

    def valid_part_sql(self) -> Sql:
        """Render the condition that a received `part` must fulfil."""
        if self.kind is Kind.PARTS and self.invalid is not None:
            return fragment(self.valid_part, invalid=self.invalid(Sql("part.v"), ""))
        return fragment(self.valid_part)
