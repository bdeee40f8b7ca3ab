"""The situations of rows that are united (decision 0018) that a run of the simulation must have met."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from tests.machines.oracle.events import Event, Row
from tests.machines.oracle.rules import Reference, Rules, View, refers

REQUIRED = (
    "a row was united with another",
    "a reference showed a winner",
    "a union came apart by a delete",
    "a union came apart by an update",
    "a reference that showed a winner leads to its own row again",
    "a row with an automatic id was united",
    "three rows were one",
    "a reference of several columns showed a winner",
    "a reference within its own table showed a winner",
    "rows were united because those that they refer to were",
    "a row that shows a winner is referred to",
    "a reference that showed a winner was written",
    "a row with a reference that showed a winner was updated",
    "a row stood under another key",
    "a row that stands under another key was updated",
    "a row that stands under another key is referred to",
    "a row that stood under another key stands under its own again",
    "a row was united with another by the key that it came to",
    "a row came to the key of one that is not shown",
)
RARE = ("a winner was shown for its child's sake",)
"""Those that only a long run meets."""


def note_unions(
    occurred: Counter[str], rules: Mapping[str, Rules], new: Iterable[Event], was: View, view: View
) -> None:
    """Count what became of united rows, and of references to them, since what tables show was looked at before."""
    united = {row for row in view.held if _is_united(view, row)}
    occurred["a row was united with another"] += len(united - was.held.keys())
    for row in united:
        occurred["three rows were one"] += any(_same(rules, row, other, view) for other in united - {row})
        occurred["rows were united because those that they refer to were"] += any(
            set(unique.columns) & set(reference.columns)
            for unique in rules[row[0]].uniques
            for reference in rules[row[0]].references
            if unique.policy == "same" and _leads(view, row, reference, united)
        )
    for row, reference in _showing_winners(rules, view):
        occurred["a reference showed a winner"] += 1
        occurred["a reference of several columns showed a winner"] += len(reference.columns) > 1
        occurred["a reference within its own table showed a winner"] += reference.parent == row[0]
        occurred["a row that shows a winner is referred to"] += _is_followed(rules, row, view)
        occurred["a winner was shown for its child's sake"] += any(
            other[0] == reference.parent and any("shown: referenced" in reason for reason in held.reasons)
            for other, held in view.held.items()
        )
    for row in was.held:
        if _is_united(was, row) and row in view.shown:
            winners = {other for other, record in was.shown.items() if _shares(rules, row, was, other, record)}
            occurred["a union came apart by a delete"] += bool(winners) and not winners & view.shown.keys()
            occurred["a union came apart by an update"] += bool(winners & view.shown.keys())
    _note_writes(occurred, rules, new, was, view)
    _note_moved(occurred, rules, new, was, view)


def _note_moved(
    occurred: Counter[str], rules: Mapping[str, Rules], new: Iterable[Event], was: View, view: View
) -> None:
    """Count what became of rows that stand under another key than their own."""
    moved, before = _places(rules, view), _places(rules, was)
    occurred["a row stood under another key"] += len(moved.keys() - before.keys())
    updated = {row for event in new if event.kind == "update" for row in event.writes}
    occurred["a row that stands under another key was updated"] += len(before.keys() & moved.keys() & updated)
    occurred["a row that stands under another key is referred to"] += sum(
        _is_followed(rules, row, view) for row in moved
    )
    occurred["a row that stood under another key stands under its own again"] += len(
        before.keys() - moved.keys() & view.shown.keys()
    )
    for row, held in view.held.items():
        key = ", ".join(rules[row[0]].key)
        occurred["a row came to the key of one that is not shown"] += f"moved: {key}" in held.reasons
        occurred["a row was united with another by the key that it came to"] += f"united: {key}" in held.reasons


def _places(rules: Mapping[str, Rules], view: View) -> dict[Row, tuple[object, ...]]:
    """Return the rows that stand under another key, and under which."""
    found = {row: tuple(record[column] for column in rules[row[0]].key) for row, record in view.shown.items()}
    return {row: key for row, key in found.items() if key != row[1]}


def _note_writes(
    occurred: Counter[str], rules: Mapping[str, Rules], new: Iterable[Event], was: View, view: View
) -> None:
    showing = {(row, reference) for row, reference in _showing_winners(rules, was)}
    events = [*new]
    for row, reference in showing:
        written = [set(event.writes[row]) for event in events if row in event.writes and event.kind == "update"]
        occurred["a reference that showed a winner was written"] += any(set(reference.columns) & w for w in written)
        occurred["a row with a reference that showed a winner was updated"] += any(
            w and not set(reference.columns) & w for w in written
        )
        occurred["a reference that showed a winner leads to its own row again"] += not written and row not in view.held


def _is_united(view: View, row: Row) -> bool:
    held = view.held.get(row)
    return held is not None and any(reason.startswith("united: ") for reason in held.reasons)


def _leads(view: View, row: Row, reference: Reference, united: Iterable[Row]) -> bool:
    truth = view.held[row].truth
    return any(refers(truth, reference, other, view.held[other].truth) for other in united if other != row)


def _showing_winners(rules: Mapping[str, Rules], view: View) -> Iterator[tuple[Row, Reference]]:
    """Yield the rows that show another row in place of a united one that they refer to, and by which reference."""
    united = {row for row in view.held if _is_united(view, row)}
    for row, held in view.held.items():
        record = view.shown.get(row)
        for reference in rules[row[0]].references if record is not None else ():
            columns = reference.columns
            changed = any(record[c] is not None and record[c] != held.truth[c] for c in columns)  # type: ignore[index]
            if changed and _leads(view, row, reference, united):
                yield row, reference


def _is_followed(rules: Mapping[str, Rules], row: Row, view: View) -> bool:
    """Tell whether a row that is shown refers to one that shows a winner."""
    record = view.shown[row]
    return any(
        refers(child, reference, row, record)
        for other, child in view.shown.items()
        for reference in rules[other[0]].references
        if other != row
    )


def _same(rules: Mapping[str, Rules], row: Row, other: Row, view: View) -> bool:
    return row[0] == other[0] and _shares(rules, row, view, other, view.held[other].truth)


def _shares(rules: Mapping[str, Rules], row: Row, view: View, other: Row, record: Mapping[str, object]) -> bool:
    """Tell whether a held row has a value of another one in an index that unites them."""
    return row[0] == other[0] and any(
        unique.value(record) is not None and unique.value(record) == unique.value(view.held[row].truth)
        for unique in rules[row[0]].uniques
        if unique.policy == "same"
    )
