"""The situations that a run of the simulation must have met; a random test that never meets one shows nothing about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from tests.machines.oracle import model
from tests.machines.oracle.events import Event, Row
from tests.machines.oracle.parts import same
from tests.machines.simulation import typed

note_pending = typed.note_pending

REQUIRED = (
    "changesets had an image",
    "changesets had rows",
    "an update changed a row",
    "an update changed several columns",
    "an update that changed nothing",
    "an update of all rows",
    "a row was inserted",
    "INSERT OR REPLACE of a row that was there",
    "an upsert updated",
    "a row was deleted",
    "all rows were deleted",
    "inserted again after a delete of another site was seen",
    "a key was changed",
    "a key was changed to one that was deleted",
    "a genesis row was updated",
    "a genesis row was deleted",
    "update against a concurrent delete",
    "a row came back",
    "a row went",
    "two sites deleted one row concurrently",
    "delete against delete and update",
    "three concurrent heads",
    "three concurrent values",
    "equal hlc, different sites",
    "genesis against genesis",
    "genesis against a write",
    "genesis was adopted by an empty table",
    "a row arrived dead",
    "a newer cell for a row that stays dead",
    "a relayed change",
    "own changes came back after a restore",
    "a conflict was recorded",
    "a conflict in a register was recorded",
    "a conflict in a map was recorded",
    "one value written concurrently",
    "partly known changes",
    "known changes",
    "delivered again",
    "refused: missing",
    "refused: drift",
    "changes were folded by a merge",
    "a clone was made",
    "a copy was opened",
    "a copy was taken with unfolded changes",
    "a backup was restored",
    "an older state came back in the same file",
    "an update changed typed columns and others",
    "an upsert added to a counter",
    "a type refused a value",
    "a grow-only row was kept",
    "a delete-wins row was inserted again",
    "a clock stepped back",
    "a program died before its commit",
    "a replica was closed with changes not folded",
    "changes were dropped",
    "changes overtook others",
    "a network partition kept two apart",
    "a network partition healed",
    "a row was undeleted",
    "a row was undeleted with its values",
    "a delete-wins row was undeleted",
    "a row with a typed cell in parts was undeleted",
    "an undeleted row came back elsewhere",
    "undeleted against a concurrent delete",
    "undeleted on two sites",
    "a row was purged",
    "a delete-wins row was purged",
    "a row with a typed cell in parts was purged",
    "a purged row was purged again",
    "a conflict was settled with ours",
    "a conflict was settled with theirs",
    "a conflict was settled with a value",
    "a conflict of a register was settled",
    "a leaf of a map was settled",
    "a settled conflict was answered again",
    "a settled conflict arrived",
    "a settled conflict was opened again",
    "a table got other policies",
    "a policy let rows go",
    "a policy let rows come back",
    "a column got another type",
    "cells in parts got another type",
    "a deleted cell in parts got another type",
    "a new type was refused for a value",
    "refused: another type or policy",
    *typed.REQUIRED,
)


def note_merge(
    occurred: Counter[str],
    twin: model.Replica,
    changeset: model.Changeset,
    verdict: str,
    clashes: set[model.Clash],
    restored: set[bytes],
) -> None:
    """Count what a merge is about to meet; `restored` has the sites whose file was set back."""
    if verdict == "known":
        occurred["known changes"] += 1
        return
    world = twin.world
    before, after = twin.rows, world.rows(twin.known | changeset.known)
    new = list(world.of(changeset.known & ~twin.known))
    if any(event.site != changeset.sender for event in new):
        occurred["a relayed change"] += 1
    if any(event.site in restored and event.site != changeset.sender for event in new):
        occurred["own changes came back after a restore"] += 1
    if any(changeset.needs.get(site, 0) < upto < changeset.vector.get(site, 0) for site, upto in twin.vector.items()):
        occurred["partly known changes"] += 1
    if clashes:
        occurred["a conflict was recorded"] += 1
    if any(clash.won[0] == clash.lost[0] for clash in clashes):
        occurred["equal hlc, different sites"] += 1
    for clash in clashes:
        if world.type_of(clash.row, clash.column) != "lww":
            occurred[f"a conflict in a {world.type_of(clash.row, clash.column)} was recorded"] += 1
    for kind, found in {
        "genesis against genesis": lambda won, lost: won[0] < 0,
        "genesis against a write": lambda won, lost: lost[0] < 0 < won[0],
    }.items():
        if any(found(clash.won, clash.lost) for clash in clashes):
            occurred[kind] += 1
    for table in {row[0] for event in new if event.kind == "genesis" for row in event.writes}:
        if not any(row[0] == table for row in before):
            occurred["genesis was adopted by an empty table"] += 1
    ours, theirs = world.winners(twin.known), world.winners(changeset.known)
    for cell, event in theirs.items():
        mine = ours.get(cell)
        if (
            mine
            and world.concurrent(mine, event)
            and same(mine.writes[cell[0]][cell[1]], event.writes[cell[0]][cell[1]])
        ):
            occurred["one value written concurrently"] += 1
            break
    _note_undeleted(occurred, world, new, list(world.of(twin.known)), before, after)
    for row, now in after.items():
        _note_row(occurred, before.get(row), now)
        if world.table(row).rows == "delete-wins" and len({gone for _, _, gone in now.heads}) == 2:
            occurred["a delete-wins row stayed deleted"] += not now.alive
    typed.note_merge(occurred, twin, changeset, before, after)
    _note_values(occurred, world, twin.known | changeset.known)


UNDELETES = ("undelete", "undelete anew")


def _note_undeleted(
    occurred: Counter[str],
    world: model.World,
    new: list[Event],
    known: list[Event],
    before: Mapping[Row, model.RowState],
    after: Mapping[Row, model.RowState],
) -> None:
    for event in (event for event in new if event.kind in UNDELETES):
        (row,) = event.writes
        if row in before and not before[row].alive and after[row].alive:
            occurred["an undeleted row came back elsewhere"] += 1
        for other in known:
            if row in other.writes and world.concurrent(event, other):
                occurred["undeleted against a concurrent delete"] += other.kind == "delete"
                occurred["undeleted on two sites"] += other.kind in UNDELETES


def _note_values(occurred: Counter[str], world: model.World, known: int) -> None:
    writes: dict[Any, list[model.Event]] = {}
    for event in world.of(known):
        for row, values in event.writes.items():
            for column in values:
                writes.setdefault((row, column), []).append(event)
    for events in writes.values():
        last = [event for event in events if not any(world.happened_before(event, other) for other in events)]
        if len({repr(event.writes) for event in last}) >= 3:
            occurred["three concurrent values"] += 1
            break


def _note_row(occurred: Counter[str], was: model.RowState | None, now: model.RowState) -> None:
    deletes = sum(gone for _, _, gone in now.heads)
    adds = len(now.heads) - deletes
    if deletes and adds:
        occurred["update against a concurrent delete"] += 1
    if deletes >= 2:
        occurred["two sites deleted one row concurrently"] += 1
    if deletes >= 2 and adds:
        occurred["delete against delete and update"] += 1
    if len(now.heads) >= 3:
        occurred["three concurrent heads"] += 1
    if was is None:
        occurred["a row arrived dead"] += not now.alive
    elif not was.alive and now.alive:
        occurred["a row came back"] += 1
    elif was.alive and not now.alive:
        occurred["a row went"] += 1
    elif not was.alive and was.cells != now.cells:
        occurred["a newer cell for a row that stays dead"] += 1
