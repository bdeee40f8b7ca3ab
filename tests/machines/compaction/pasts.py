"""Histories of tables in the histories of pairs: they begin and end, runs are undone, actors are purged; and what they say on both sides."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from crdtsql import Replica
from crdtsql.base import naming
from crdtsql.base.errors import UsageError
from tests.machines.compaction.pairs import Pair

if TYPE_CHECKING:
    from tests.machines.compaction.history import History

ACTORS, RUNS = ("ann", "bot"), ("r1", "r2")


def acting(history: History, pair: Pair) -> bool:
    """Let somebody say who writes from now on, or nobody; tell whether anybody did."""
    if history.random.random() < 0.6:
        return False
    actor = history.random.choice(ACTORS), history.random.choice(RUNS)
    pair.program.execute("INSERT INTO crdt_actor (actor, run) VALUES (?, ?)", actor)
    return True


def begin_or_end(history: History) -> None:
    """Begin the history of a table, which others hear of, or end it in one pair, or empty it everywhere."""
    (pair,) = history.pick(1)
    table = history.random.choice(list(history.family.habits.tables))
    what = history.random.choice(("on", "on", "on", "off", "drop"))
    history.tell(f"  {pair.name} history of {table}: {what}")
    if what == "on":
        keep = history.random.choice((None, None, timedelta(seconds=7)))
        pair.both(lambda replica: replica.keep_history(table, keep=keep))
    else:
        pair.both(lambda replica: replica.end_history(table, drop=what == "drop"))
    history.occurred[f"a history: {what}"] += 1
    history.check(pair)


def undo(history: History) -> None:
    """Undo a run, or what an actor wrote."""
    (pair,) = history.pick(1)
    whose = history.random.choice(({"run": history.random.choice(RUNS)}, {"actor": history.random.choice(ACTORS)}))
    history.tell(f"  {pair.name} undoes {whose}")
    here, there = pair.both(lambda replica: replica.undo(**whose))
    assert repr(here.undone) == repr(there.undone), f"{pair.name} undid {here.undone}, its twin {there.undone}"
    history.occurred["rows undone"] += len(here.undone)
    history.check(pair)


def purge_actor(history: History) -> None:
    """Let a pair forget an actor's name."""
    (pair,) = history.pick(1)
    actor = history.random.choice(ACTORS)
    history.tell(f"  {pair.name} forgets the name {actor}")
    pair.both(lambda replica: replica.purge_actor(actor))
    history.check(pair)


def trim(pair: Pair) -> None:
    """Let the twin take old entries out, as a compaction does."""
    pair.twin.do(_trim)


def _trim(replica: Replica) -> None:
    while replica._trim_histories():
        pass


def is_before(row: tuple[str, tuple[Any, ...]]) -> bool:
    """Tell whether a row is an entry that says how a row was before: who forgot a row's stamps knows not always that it is needed."""
    table, key = row
    return naming.is_history(table) and key[2] == ("integer", 0)


def assert_alike(pair: Pair) -> None:
    """Check that a replica and its twin tell the same writes, and the same rows of now."""
    said = [side.do(_say) for side in pair.sides]
    assert said[0].keys() == said[1].keys(), f"{pair.name} has histories of {[*said[0]]}, its twin of {[*said[1]]}"
    for table, found in said[0].items():
        assert found == said[1][table], f"{pair.name}, history of {table}:\n  here  {found}\n  there {said[1][table]}"


def _say(replica: Replica) -> dict[str, Any]:
    found = {}
    for one in replica.histories():
        writes = [
            (entry.place, entry.key, entry.did, entry.values, entry.by, entry.replaced)
            for entry in replica.history(one.table)
            if entry.did != "before"
        ]
        try:
            rows = sorted(repr(row.values) for row in replica.as_of(one.table, timedelta(0)))
        except UsageError:
            rows = ["refused"]
        found[one.table] = repr(writes), one.is_on, one.keep_ms, rows
    return found
