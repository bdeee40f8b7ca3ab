"""The situations of typed columns and policies that a run of the simulation must have met."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from tests.machines.oracle import cells, model, parts
from tests.machines.oracle.events import Cell, Event, Row, Write
from tests.machines.oracle.parts import GONE, TOTAL, WHOLE, Head, same

REQUIRED = (
    "several updates of a typed cell in one batch",
    "a typed cell was updated after its insert in one batch",
    "a typed cell was updated before an insert in one batch",
    "a typed cell was updated and its row deleted in one batch",
    "only the spelling of a set or map changed",
    "a smaller value was written to a max",
    "NULL became a value of a set",
    "NULL became a value of a counter",
    "a counter went down to NULL",
    "counter increment against increment",
    "counter increment against re-insert",
    "counter increment against a delete",
    "counter re-insert against re-insert",
    "three sites incremented one counter",
    "a base had seen totals",
    "two bases had seen different totals of a site",
    "a counter added up to more than it shows",
    "a counter came back from beyond its limit",
    "a total was no number of SQLite's",
    "set remove against add of the same element",
    "set remove against a re-insert with the element",
    "one element added on two sites",
    "one element removed on two sites",
    "different elements added on two sites",
    "a set was emptied against an addition",
    "set re-insert against re-insert",
    "map keys edited on two sites",
    "one map leaf written on two sites",
    "map leaf removed against written",
    "map leaf against object",
    "a hidden map leaf came back",
    "register with two concurrent values",
    "register with three concurrent values",
    "max written on two sites",
    "min written on two sites",
    "a typed cell was in one whole write again",
    "a cell in parts met one in one write",
    "parts of a row that stays dead changed",
    "a row came back with a typed cell in parts",
    "genesis against genesis in a typed cell",
    "genesis against a typed update",
    "a delete-wins row stayed deleted",
    "granularity row: two columns updated on two sites",
)


def note_pending(occurred: Counter[str], twin: model.Replica) -> None:
    """Count what a fold is about to turn into events."""
    world = twin.world
    places: dict[Cell, list[str]] = {}
    for kind, row, values in twin.pending:
        for column in values.keys() & world.table(row).types.keys():
            places.setdefault((row, column), []).append(kind)
        if kind == "delete" and any("update" in found for (at, _), found in places.items() if at == row):
            occurred["a typed cell was updated and its row deleted in one batch"] += 1
    for kinds in places.values():
        text = " ".join(kinds)
        occurred["several updates of a typed cell in one batch"] += "update update" in text
        occurred["a typed cell was updated after its insert in one batch"] += "insert update" in text
        occurred["a typed cell was updated before an insert in one batch"] += "update insert" in text
    if any("update" in kinds for kinds in places.values()):
        _note_updates(occurred, twin, places)


def _note_updates(occurred: Counter[str], twin: model.Replica, places: Mapping[Cell, list[str]]) -> None:
    now = twin.rows
    for (row, column), kinds in places.items():
        if "insert" in kinds or row not in now:
            continue
        kind, old = twin.world.type_of(row, column), now[row].cells[column][0]
        new = [values[column] for _, at, values in twin.pending if at == row and column in values]
        events = [event for event in twin.world.of(twin.known) if (row, column) in event.typed]
        change = cells.changed(
            kind, (row, column), events, twin.site, old, new[0], column in twin.world.table(row).reals
        )
        value = new[-1]
        splits = parts.falls_into_parts(kind)
        occurred["only the spelling of a set or map changed"] += splits and change is None and new[0] is not None
        occurred["NULL became a value of a set"] += kind in parts.SETS and old is None and value is not None
        occurred["a smaller value was written to a max"] += (
            kind == "max" and value is not None and same(parts.extreme(kind, [old, value]), old)
        )
        if kind in parts.COUNTERS:
            occurred["NULL became a value of a counter"] += old is None and value is not None
            occurred["a counter went down to NULL"] += old is not None and value is None


def note_merge(
    occurred: Counter[str],
    twin: model.Replica,
    changeset: model.Changeset,
    before: Mapping[Row, model.RowState],
    after: Mapping[Row, model.RowState],
) -> None:
    """Count what a merge is about to meet in typed cells."""
    world = twin.world
    deletes = [event for event in world.of(twin.known ^ changeset.known) if event.kind == "delete"]
    for cell, events in world.typed(twin.known | changeset.known).items():
        row, column = cell
        kind = world.type_of(row, column)
        mine = [event for event in events if not changeset.known >> event.number & 1]
        theirs = [event for event in events if not twin.known >> event.number & 1]
        if not theirs:
            continue
        for ours in mine:
            for other in theirs:
                for name in _meetings(kind, cell, ours, other):
                    occurred[name] += 1
        if kind in parts.COUNTERS and any(
            TOTAL in event.typed[cell].parts and world.concurrent(event, delete) and row in delete.writes
            for event in events
            for delete in deletes
        ):
            occurred["counter increment against a delete"] += 1
        _note_cell(occurred, kind, before.get(row), after[row], column)
    _note_rows(occurred, twin, changeset)


def _meetings(kind: str, cell: Cell, ours: Event, theirs: Event) -> Iterator[str]:
    """Name what two concurrent events on a cell are to each other."""
    left, right = ours.typed[cell], theirs.typed[cell]
    kinds = {ours.kind, theirs.kind}
    if kinds == {"genesis"}:
        yield "genesis against genesis in a typed cell"
    elif kinds == {"genesis", "update"}:
        yield "genesis against a typed update"
    if kind in parts.EXTREMES:
        yield f"{kind} written on two sites"
    if kind in parts.COUNTERS:
        totals = (TOTAL in left.parts) + (TOTAL in right.parts)
        if totals == 2:
            yield "counter increment against increment"
        elif totals == 1 and "insert" in kinds:
            yield "counter increment against re-insert"
        elif kinds == {"insert"}:
            yield "counter re-insert against re-insert"
    if kind in parts.SETS:
        yield from _set_meetings(left, right, kinds)
    if kind == "map":
        yield from _map_meetings(left, right)


def _set_meetings(left: Write, right: Write, kinds: set[str]) -> Iterator[str]:
    if left.whole and right.whole and kinds == {"insert"}:
        yield "set re-insert against re-insert"
    for first, second in ((left, right), (right, left)):
        gone = {part for part, value in first.parts.items() if value is GONE}
        added = {part for part, value in second.parts.items() if value is not GONE}
        if gone & added:
            yield f"set remove against {'a re-insert with the element' if second.whole else 'add of the same element'}"
        if gone and added and not added & gone and gone == first.parts.keys() and not second.whole:
            yield "a set was emptied against an addition"
    if left.whole or right.whole:
        return
    kept = [{part for part, value in write.parts.items() if value is not GONE} for write in (left, right)]
    lost = [{part for part, value in write.parts.items() if value is GONE} for write in (left, right)]
    if kept[0] & kept[1]:
        yield "one element added on two sites"
    elif kept[0] and kept[1]:
        yield "different elements added on two sites"
    if lost[0] & lost[1]:
        yield "one element removed on two sites"


def _map_meetings(left: Write, right: Write) -> Iterator[str]:
    if left.whole or right.whole:
        return
    both = left.parts.keys() & right.parts.keys()
    if left.parts.keys() != right.parts.keys():
        yield "map keys edited on two sites"
    for part in both:
        gone = (left.parts[part] is GONE) + (right.parts[part] is GONE)
        if gone == 0:
            yield "one map leaf written on two sites"
        elif gone == 1:
            yield "map leaf removed against written"
    for first, second in ((left, right), (right, left)):
        for part, value in first.parts.items():
            if value is not GONE and any(
                parts.extends(other, part) for other, found in second.parts.items() if found is not GONE
            ):
                yield "map leaf against object"


def _note_cell(occurred: Counter[str], kind: str, was: model.RowState | None, now: model.RowState, column: str) -> None:
    heads = now.heads_of[column]
    old = was.heads_of[column] if was is not None else frozenset[Head]()
    split = bool(old) and not parts.is_implicit(old)
    if kind in parts.COUNTERS:
        occurred["three sites incremented one counter"] += sum(head.part == TOTAL for head in heads) >= 3
        noted = [head for head in heads if head.noted is not None]
        occurred["a base had seen totals"] += bool(noted)
        occurred["two bases had seen different totals of a site"] += len({(h.part, h.noted) for h in noted}) > len(
            {head.part for head in noted}
        )
        limited, was_limited = (_is_limited(found) for found in (heads, old))
        occurred["a counter added up to more than it shows"] += limited
        occurred["a counter came back from beyond its limit"] += was_limited and not limited
        occurred["a total was no number of SQLite's"] += any(
            head.part == TOTAL and isinstance(head.value, str) for head in heads
        )
    if kind == "register":
        values = sum(head.part == WHOLE for head in heads)
        occurred["register with two concurrent values"] += values == 2
        occurred["register with three concurrent values"] += values >= 3
    if kind == "map":
        hidden = parts.live(old).keys() - parts.visible(parts.live(old)).keys()
        occurred["a hidden map leaf came back"] += bool(hidden & parts.visible(parts.live(heads)).keys())
    occurred["a typed cell was in one whole write again"] += split and parts.is_implicit(heads)
    occurred["a cell in parts met one in one write"] += (
        bool(old) and parts.is_implicit(old) and not parts.is_implicit(heads)
    )
    if was is not None and not was.alive:
        occurred["parts of a row that stays dead changed"] += not now.alive and old != heads
        occurred["a row came back with a typed cell in parts"] += now.alive and split


def _is_limited(heads: frozenset[Head]) -> bool:
    if not heads or parts.is_implicit(heads):
        return False
    real = any(isinstance(head.value, float) for head in heads)
    exact = parts.sum_of(heads)
    return abs(exact) > (parts.REAL_LIMIT if real else parts.LIMIT)


def _note_rows(occurred: Counter[str], twin: model.Replica, changeset: model.Changeset) -> None:
    world = twin.world
    by_row = [
        event
        for event in world.of(twin.known ^ changeset.known)
        if event.kind == "update" and any(world.table(row).granularity == "row" for row in event.writes)
    ]
    for event in by_row:
        if any(world.concurrent(event, other) and event.writes.keys() == other.writes.keys() for other in by_row):
            occurred["granularity row: two columns updated on two sites"] += 1
            return
