"""Reading: references to rows that lead to others, as those to these (decision 0018).

Changes form 0 of candidates, from which all other forms follow, and keeps their truth beside it. Decides nothing.
"""

from __future__ import annotations

from crdtsql.base import Sql, fragment, identifier, integer, joined, query, sql
from crdtsql.shown import foretold, moved
from crdtsql.shown.deciding.ends import Ends, keys, moves_key
from crdtsql.shown.holding import Side
from crdtsql.shown.references import Reference
from crdtsql.store import Registry

TRUTH = -1
"""The form of a candidate that is its truth, where form 0 is not."""


class Reading:
    """How the references of one table are read.

    Attributes:
        references: those that may be read otherwise.
        columns: what the candidates call the columns of these.
        moves: whether rows may be read under another key than their own.
        awaits: whether keys may have foretold numbers.
    """

    def __init__(self, registry: Registry, side: Side, ends: Ends, candidates: Sql) -> None:
        self.connection = registry.connection
        self.side = side
        self.ends = ends
        self.candidates = candidates
        self.references = ends.read_by(side)
        self.awaits = not side.table.is_numbered and foretold.any_foretold(self.connection)
        self._numbered = [table for table in registry.tables() if table.is_numbered] if self.awaits else []
        self.moves = self.awaits or any(moves_key(found) for found in self.references)
        names = (
            *(side.table.key_names if self.awaits else ()),
            *(name for found in self.references for name in found.held_columns),
        )
        self.columns = [*dict.fromkeys(names)]

    @property
    def changes(self) -> bool:
        """Tell whether any row may be read otherwise than it is."""
        return self.awaits or bool(self.references)

    def read_foretold(self) -> None:
        """Read the numbers in keys that stand for rows which are not known yet as what was written."""
        for key in self.side.table.key_names if self.awaits else ():
            written = self._as_read(Sql(f"candidate.{key}"))
            slots = {"candidate": self.candidates, "key": key, "written": written}
            self.connection.execute(sql("shown/deciding/reading/read_foretold", **slots))

    def _truth(self, column: Sql) -> Sql:
        """Render the value of a row's own, in its key as it was written."""
        truth = Sql(f"truth.{column}")
        return self._as_read(truth) if self.awaits and column in self.side.table.key_names else truth

    def _as_read(self, number: Sql) -> Sql:
        """Render what a number in a key is read as: a foretold one as what was written, or the number of the old row that had it."""
        return foretold.as_read(number, self._numbered)

    def read(self, reference: Reference, within: Sql | None) -> None:
        """Read a reference; `within` has the candidates of its parent, if these are decided together."""
        parent = reference.parent
        if parent is None:
            return
        pairs = [*zip(reference.held_columns, reference.lost_columns, strict=True)]
        places = range(len(pairs))
        shown = reference.lost_columns if within else [identifier(name) for name in reference.key.parent_columns]
        statement = sql(
            "shown/deciding/reading/read",
            candidate=self.candidates,
            settings=joined(Sql(f"{mine} = found.x{n}") for n, (mine, _) in enumerate(pairs)),
            found_values=joined(Sql(f"meant.x{n} AS x{n}") for n in places),
            held=self.side.table.held,
            meant_values=joined(Sql(f"ending.{lost} AS m{n}") for n, (_, lost) in enumerate(pairs)),
            shown_values=joined(Sql(f"shown.{name} AS x{n}") for n, name in enumerate(shown)),
            ends=self.ends.of(parent),
            parent=within or parent.table.quoted,
            shown_is_end=Sql("shown.id = ending.winner AND shown.form = 0") if within else _is_end(parent),
            meant_is_truth=joined(
                (Sql(f"meant.m{n} = +{self._truth(mine)}") for n, (mine, _) in enumerate(pairs)), " AND "
            ),
            none_else=Sql("1") if reference.to_key else self._none_else(reference, parent),
            all_set=joined((Sql(f"found.x{n} IS NOT NULL") for n in places), " AND "),
        )
        self.connection.execute(statement)

    def _none_else(self, reference: Reference, parent: Side) -> Sql:
        table = parent.table
        named = zip(reference.key.parent_columns, reference.held_columns, strict=True)
        kept = zip(reference.lost_columns, reference.held_columns, strict=True)
        return fragment(
            "shown/deciding/reading/none_else",
            parent_table=table.quoted,
            other_is_truth=joined(
                (Sql(f"other.{identifier(its)} = +{self._truth(mine)}") for its, mine in named), " AND "
            ),
            parent_clock=table.clock,
            clock_is_other=table.row_has_key_of("other", "clock"),
            stands_elsewhere=moved.is_moved(self.connection, table, "other"),
            parent_held=table.held,
            held_is_truth=joined((Sql(f"other.{its} = +{self._truth(mine)}") for its, mine in kept), " AND "),
            parent_id=integer(table.id),
            ends=self.ends.of(parent),
        )

    def keep_truths(self) -> None:
        """Keep the truth of the candidates of which a reference was read otherwise."""
        statement = sql(
            "shown/deciding/reading/keep_truth",
            candidate=self.candidates,
            columns=joined(self.side.held_columns),
            truth_columns=joined(Sql(f"truth.{name}") for name in self.side.held_columns),
            held=self.side.table.held,
            differs=joined((differs("truth", "mine", name) for name in self.columns), " OR "),
        )
        self.connection.execute(statement)

    def found(self) -> dict[int, tuple[object, ...]]:
        """Return the candidates of which a reference was read otherwise, and as what."""
        columns = joined(query.as_bytes(Sql(f"read.{name}")) for name in self.columns)
        truths = f"(SELECT id FROM {self.candidates} WHERE form = {TRUTH})"
        statement = (
            f"SELECT read.id, {columns} FROM {self.candidates} AS read WHERE read.form = 0 AND read.id IN {truths}"
        )
        return {number: tuple(values) for number, *values in query.rows(self.connection, statement)}

    def moved(self) -> set[int]:
        """Return the candidates that are read under another key than their own."""
        if not self.moves:
            return set()
        differing = joined((differs("truth", "mine", name) for name in self.side.table.key_names), " OR ")
        statement = sql(
            "shown/deciding/reading/moved", candidate=self.candidates, held=self.side.table.held, differs=differing
        )
        return {number for (number,) in query.rows(self.connection, statement)}

    def is_truth(self, reference: Reference) -> Sql:
        """Say that a candidate `child` has its own values in the columns of a reference."""
        if reference not in self.references:
            return Sql("child.form = 0")
        return fragment(
            "shown/deciding/reading/is_truth",
            candidate=self.candidates,
            differs=joined(
                (_differ(self._truth(name), Sql(f"child.{name}")) for name in reference.held_columns), " OR "
            ),
        )


def differs(first: str, second: str, column: Sql) -> Sql:
    """Say that two rows have different values in a column, or the same of different types."""
    return _differ(Sql(f"{first}.{column}"), Sql(f"{second}.{column}"))


def _differ(one: Sql, other: Sql) -> Sql:
    return Sql(f"({one} COLLATE BINARY IS NOT {other} OR typeof({one}) <> typeof({other}))")


def _is_end(parent: Side) -> Sql:
    pairs = zip(parent.table.key, keys(parent), strict=True)
    return joined((Sql(f"shown.{identifier(name)} = ending.{end}") for name, end in pairs), " AND ")
