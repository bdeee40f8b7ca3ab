"""What happens to files in the histories, always to both of a pair: created, cloned, copied, backed up and restored, lost."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from crdtsql import Replica
from tests.machines.compaction import exchange, verbs
from tests.machines.compaction.pairs import SUFFIXES, Pair, nobody
from tests.machines.simulation.constrained.making import Constrained, agree

if TYPE_CHECKING:
    from tests.machines.compaction.history import History


def create(history: History, *, filled: bool | None = None) -> Pair:
    """Create files with rows in them, or none, and enable their tables."""
    pair = history.new_pair()
    for side in pair.sides:
        side.path.parent.mkdir(parents=True, exist_ok=True)
        connection = apsw.Connection(str(side.path))
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute(history.family.schema)
        connection.close()
    pair.open(history.occurred)
    if filled is None:
        filled = history.random.random() < 0.5
    if filled:
        for table in pair.habits.tables:
            pair.writer.fill(history.random, table, nobody())
    for side in pair.sides:
        side.do(lambda replica: _enable(history, replica))
    history.pairs.append(pair)
    history.tell(f"  create {pair.name} ({pair.site[:8]}) {'with rows' if filled else 'empty'}")
    history.check(pair)
    return pair


def _enable(history: History, replica: Replica) -> None:
    for table, shape in history.family.habits.tables.items():
        replica.enable(table, **shape.options)
    for table, shape in history.family.habits.tables.items():
        if isinstance(shape, Constrained):
            agree(replica, table, shape.rules)
    replica.limit_conflicts(per_cell=1_000_000, total=1_000_000)


def newcomer(history: History) -> None:
    """Create an empty file, which takes all that somebody has."""
    (source,) = history.pick(1)
    pair = create(history, filled=False)
    compacted = verbs.floor(source.one.replica)
    history.tell(f"  {pair.name} takes all that {source.name} has")
    if exchange.deliver(history, exchange.export(history, source, pair), pair):
        history.occurred["a newcomer came after a compaction"] += bool(compacted)
        history.occurred["a newcomer came after a site was retired"] += bool(verbs.retired(pair.one.replica))


def clone(history: History) -> None:
    """Let `clone` write second files."""
    (source,) = history.pick(1)
    pair = history.new_pair(source.habits)
    pair.late = set(source.late)
    history.tell(f"  {source.name} is cloned to {pair.name}")
    for side, target in zip(source.sides, pair.sides, strict=True):
        side.do(lambda replica, target=target: replica.clone(target.path)).close()
    _come(history, pair)
    is_vouched = source.name in history.healthy and verbs.has_begun(source.one.replica)
    history.healthy |= {pair.name} if is_vouched else set()
    history.occurred["a clone was made after a compaction"] += bool(verbs.floor(pair.one.replica))


def copy(history: History) -> None:
    """Copy files as any program would, and open the copies."""
    (source,) = history.pick(1)
    pair = history.new_pair(source.habits)
    pair.late = set(source.late)
    history.tell(f"  {source.name} is copied to {pair.name}")
    for path, side in zip(source.copy_files(".copied"), pair.sides, strict=True):
        path.rename(side.path)
    _come(history, pair)
    assert pair.site != source.site
    history.occurred["a copy was made after a compaction"] += bool(verbs.floor(pair.one.replica))


def _come(history: History, pair: Pair) -> None:
    pair.open(history.occurred)
    pair.both(Replica.fold)
    history.tell(f"    as {pair.site[:8]}")
    history.pairs.append(pair)
    history.check(pair)


def back_up(history: History) -> None:
    """Keep copies of files for later."""
    (pair,) = history.pick(1)
    pair.backup = pair.copy_files(".backup")
    history.tell(f"  {pair.name} is backed up")


def restore(history: History) -> None:
    """Put a backup in the files' place."""
    pairs = [pair for pair in history.pairs if pair.backup is not None]
    if not pairs:
        return
    pair = history.random.choice(pairs)
    assert pair.backup is not None
    site = pair.site
    pair.both(
        lambda replica: replica.set_name("restored")
    )  # both have come further since then, also if only one compacted
    pair.close()
    in_place = history.random.random() < 0.5
    for side, path in zip(pair.sides, pair.backup, strict=True):
        for suffix in SUFFIXES[1:]:
            Path(f"{side.path}{suffix}").unlink(missing_ok=True)
        if in_place:
            shutil.copyfile(path, side.path)
            path.unlink()
        else:
            os.replace(path, side.path)
    pair.backup = None
    pair.open(history.occurred)
    pair.both(Replica.fold)
    pair.late &= _late_columns(pair)
    history.tell(f"  {pair.name} is restored from its backup, as {pair.site[:8]}")
    if pair.site != site:
        history.healthy -= {pair.name}
        history.retired.append(site)
        history.occurred["a backup was restored"] += 1
    history.check(pair)


def _late_columns(pair: Pair) -> set[str]:
    connection = pair.one.replica.connection
    return {
        table
        for table in pair.habits.tables
        if connection.execute("SELECT 1 FROM pragma_table_info(?) WHERE name = 'late'", (table,)).fetchall()
    }


def lose(history: History) -> None:
    """Lose files, with all that they did not send."""
    if len(history.pairs) > 2:
        (pair,) = history.pick(1)
        history.tell(f"  {pair.name} is lost")
        exchange.retire(history, pair)
        history.occurred["a replica was lost"] += 1
