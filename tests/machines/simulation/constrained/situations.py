"""The situations of constraints that a run of the simulation must have met."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from tests.machines.oracle.events import Event, Row
from tests.machines.oracle.model import World
from tests.machines.oracle.numbers import Birth, Foretold
from tests.machines.oracle.rules import Rules, View, refers
from tests.machines.oracle.shown import Shown
from tests.machines.simulation.constrained import unions

REQUIRED = (
    *unions.REQUIRED,
    "a followed reference led nowhere",
    "a followed reference showed a winner",
    "a number that was written before its row turned out to mean it",
    "a constraint refused a statement",
    "a constraint's own clause undid a transaction",
    "tables with conflict clauses",
    "a value that a table did not show was overwritten",
    "a mark was kept by the conflict log alone",
    "a reference that SQLite severed was noted",
    "a reference that SQLite severed was logged",
    "tables with conflict clauses and triggers",
    "one statement changed several tables",
    "foreign keys were not enforced",
    "REPLACE evicted a row",
    "a row lost its UNIQUE value",
    "three rows wanted one UNIQUE value",
    "a held row was released by a delete of the row in its way",
    "a held row was released by an update of the row in its way",
    "a claim yielded to one that had seen it",
    "a loser by one index freed its other value",
    "a parent was restored",
    "a restored row was deleted again",
    "a restored row was updated",
    "a child was held for its parent",
    "a held row made another one be held",
    "a child was held for a parent that lost its UNIQUE value",
    "a row of a tree was held for the row above",
    "a reference was masked with NULL",
    "a reference was masked with the default",
    "a masked row was updated",
    "a masked reference was written",
    "a mask went when its row came back",
    "a reference could not be masked with NULL",
    "a merged counter broke a CHECK",
    "a held row was changed by a merge",
    "a held row was inserted again",
    "a released row has newer values",
    "a reference in a key was held",
    "a row evicted by REPLACE was updated elsewhere",
    "a row was renumbered",
    "two files had a row of a number, and a third one inserted it",
    "a number was used again",
    "a renumbered row had children on two sites",
    "a reference followed a renumbered row",
    "a reference in a key followed a renumbered row",
    "a row that came back has another number",
    "known rows arrived again",
)
RARE = (*unions.RARE, "a row above a restored row was restored", "two updates broke a CHECK together")
"""Those that only a long run meets."""


def note_view(
    occurred: Counter[str],
    world: World,
    known: int,
    rules: Mapping[str, Rules],
    before: tuple[int, View],
    view: View,
) -> None:
    """Count what tables show now that they did not show before."""
    was_known, was = before
    new = list(world.of(known & ~was_known))
    for row, held in view.held.items():
        for reason in held.reasons:
            _note_held(occurred, rules, row, reason, view)
    values: Counter[tuple[str, str, object]] = Counter()
    for row, held in view.held.items():
        if any(reason.startswith("unique: ") for reason in held.reasons):
            for unique in rules[row[0]].uniques:
                value = unique.value(held.truth)
                values[row[0], unique.name, value] += value is not None
    occurred["three rows wanted one UNIQUE value"] += any(count >= 2 for count in values.values())
    for event in new:
        for row, cells in event.writes.items():
            _note_event(occurred, world, rules, event, row, cells, was, view)
    _note_released(occurred, rules, new, was, view)
    _note_yields(occurred, world, rules, known, view)
    unions.note_unions(occurred, rules, new, was, view)


def _note_held(occurred: Counter[str], rules: Mapping[str, Rules], row: Row, reason: str, view: View) -> None:
    kind, _, what = reason.partition(": ")
    if reason == "deleted, shown: referenced":
        occurred["a parent was restored"] += 1
        truth = view.held[row].truth
        for reference in rules[row[0]].references:
            above = (reference.parent, (truth[reference.columns[0]],))
            found = view.held.get(above)
            occurred["a row above a restored row was restored"] += found is not None and reason in found.reasons
    elif kind == "unique":
        occurred["a row lost its UNIQUE value"] += 1
        truth = view.held[row].truth
        for unique in rules[row[0]].uniques:
            value = unique.value(truth)
            users = [r for r, record in view.shown.items() if r[0] == row[0] and unique.value(record) == value]
            occurred["a loser by one index freed its other value"] += (
                value is not None and unique.name != what and bool(users)
            )
    elif kind == "foreign key":
        occurred["a child was held for its parent"] += 1
        occurred["a reference could not be masked with NULL"] += row[0] == "coach"
        occurred["a row of a tree was held for the row above"] += what == row[0]
        occurred["a reference in a key was held"] += any(
            set(reference.columns) & set(rules[row[0]].key) for reference in rules[row[0]].references
        )
        truth = view.held[row].truth
        for reference in rules[row[0]].references:
            parents = [
                held
                for other, held in view.held.items()
                if other[0] == reference.parent
                and all(
                    truth[c] is not None and truth[c] == held.truth[p]
                    for c, p in zip(reference.columns, reference.parent_columns, strict=True)
                )
            ]
            for parent in parents:
                occurred["a held row made another one be held"] += not any("deleted" in r for r in parent.reasons)
                occurred["a child was held for a parent that lost its UNIQUE value"] += any(
                    r.startswith("unique") for r in parent.reasons
                )
    elif kind == "masked":
        shown, column = view.shown[row][what.split(", ")[0]], what.split(", ")[0]
        by_default = shown == rules[row[0]].defaults.get(column, "")
        occurred[f"a reference was masked with {'NULL' if shown is None else 'the default'}"] += (
            shown is None or by_default
        )
    elif reason == "CHECK stock.n":
        occurred["a merged counter broke a CHECK"] += 1
    elif reason == "CHECK bounds":
        occurred["two updates broke a CHECK together"] += 1


def _is(view: View, row: Row, kind: str) -> bool:
    held = view.held.get(row)
    return held is not None and any(reason.startswith(kind) for reason in held.reasons)


def _note_event(
    occurred: Counter[str],
    world: World,
    rules: Mapping[str, Rules],
    event: Event,
    row: Row,
    cells: Mapping[str, object],
    was: View,
    view: View,
) -> None:
    if _is(was, row, "deleted, shown"):
        occurred["a restored row was deleted again"] += event.kind == "delete"
        occurred["a restored row was updated"] += event.kind == "update"
    if _is(was, row, "masked") and event.kind == "update":
        columns = {column for reference in rules[row[0]].references for column in reference.columns}
        occurred["a masked row was updated"] += _is(view, row, "masked") and not columns & cells.keys()
        occurred["a masked reference was written"] += bool(columns & cells.keys())
    if row in was.held and row not in was.shown and not _is(was, row, "deleted"):
        occurred["a held row was changed by a merge"] += event.kind == "update"
        occurred["a held row was inserted again"] += event.kind == "insert"
    if event.kind == "delete" and rules[row[0]].uniques:
        for other in world.events[: event.number]:
            if row in other.writes and other.kind == "update" and world.concurrent(event, other):
                occurred["a row evicted by REPLACE was updated elsewhere"] += _evicted(world, event, row)


def _evicted(world: World, delete: Event, row: Row) -> bool:
    """Tell whether the next event of a delete's site wrote another row of the table, as REPLACE does."""
    following = (event for event in world.events[delete.number + 1 :] if event.site == delete.site)
    nearest = next(following, None)
    return nearest is not None and nearest.kind != "delete" and any(r[0] == row[0] and r != row for r in nearest.writes)


def _note_released(
    occurred: Counter[str], rules: Mapping[str, Rules], new: Iterable[Event], was: View, view: View
) -> None:
    for row, held in was.held.items():
        if _is(was, row, "masked") and row in view.shown and row not in view.held:
            touched = any(row in event.writes for event in new)
            occurred["a mask went when its row came back"] += not touched
        if row in was.shown or _is(was, row, "deleted") or row not in view.shown:
            continue
        occurred["a released row has newer values"] += dict(view.shown[row]) != dict(held.truth)
        if not _is(was, row, "unique"):
            continue
        for unique in rules[row[0]].uniques:
            value = unique.value(held.truth)
            for rival, record in was.shown.items():
                if value is not None and rival[0] == row[0] and unique.value(record) == value:
                    gone = _is(view, rival, "deleted") and rival not in view.shown
                    occurred["a held row was released by a delete of the row in its way"] += gone
                    occurred["a held row was released by an update of the row in its way"] += rival in view.shown


def note_followed(occurred: Counter[str], now: Shown) -> None:
    """Count where references that are not enforced lead."""
    for row, record in now.view.shown.items():
        for reference in now.rules[row[0]].references:
            if reference.enforced or any(record[column] is None for column in reference.columns):
                continue
            leads = any(refers(record, reference, parent, found) for parent, found in now.view.shown.items())
            read = any(record[column] != now.truths[row][column] for column in reference.columns)
            occurred["a followed reference led nowhere"] += not leads
            occurred["a followed reference showed a winner"] += leads and read
    occurred["a number that was written before its row turned out to mean it"] += any(
        isinstance(written, Foretold) and number != written.number for written, number in now.labels.items()
    )


def note_numbers(occurred: Counter[str], before: Mapping[Birth | Foretold, int], now: Shown) -> None:
    """Count what happened to numbers since they were looked at before."""
    occurred["a row with an automatic id was united"] += any(now.rules[row[0]].numbered for row in now.united)
    moved = {birth for birth, number in before.items() if now.labels.get(birth, number) != number}
    for row, state in now.states.items():
        if row[1][0] in moved and now.rules[row[0]].numbered:
            occurred["a row was renumbered"] += 1
            children = [other for other in now.states if row[1][0] in _values(now, other)]
            sites = {now.states[other].born[1] for other in children}
            occurred["a renumbered row had children on two sites"] += len(sites) > 1
            deleted = any(gone for _, _, gone in state.heads)
            occurred["a row that came back has another number"] += state.alive and deleted
        elif any(part in moved for part in row[1]):
            occurred["a reference in a key followed a renumbered row"] += 1
        occurred["a reference followed a renumbered row"] += any(
            value in moved for value, _ in state.cells.values() if isinstance(value, Birth)
        )


def _values(now: Shown, row: Row) -> list[object]:
    own = () if now.rules[row[0]].numbered else row[1]
    return [*own, *(value for value, _ in now.states[row].cells.values())]


def _note_yields(occurred: Counter[str], world: World, rules: Mapping[str, Rules], known: int, view: View) -> None:
    """Count losers whose insert or update is older than that of the row in their way."""
    losers = [row for row in view.held if _is(view, row, "unique")]
    if not losers:
        return
    states = world.rows(known)
    for row in losers:
        for unique in rules[row[0]].uniques:
            value = unique.value(view.held[row].truth)
            for rival, record in view.shown.items():
                if value is None or rival[0] != row[0] or unique.value(record) != value:
                    continue
                mine, theirs = (
                    max(states[r].born, *(states[r].cells[c][1] for c in unique.columns)) for r in (row, rival)
                )
                occurred["a claim yielded to one that had seen it"] += mine < theirs and len(rules[row[0]].uniques) == 1
