"""The seeded bugs. Each replaces one piece of text, which must be there exactly once, in one file of the package."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One wrong edit.

    Attributes:
        constrained: histories of tables with constraints must notice it.
        schemas: histories of schema changes must.
        tests: these tests must, because it concerns what no history does; "" for histories.
    """

    name: str
    file: str
    find: str
    put: str
    constrained: bool = False
    schemas: bool = False
    tests: str = ""


MUTANTS = (
    # -- time and causality
    Mutant(
        "the clock is not raised by a merge",
        "store/registry.py",
        'if upto > self.number("clock"):',
        "if False:",
    ),
    Mutant(
        "ties go to whoever delivers",
        "sql/merge/arrival/stamp_is_newer.sql",
        "(SELECT id FROM temp._crdt_from WHERE remote = ${new_s}) > (",
        "${new_s} IS NOT NULL OR x'' > (",
    ),
    Mutant(
        "a writer's clock that was set back is believed", "sql/fold/pieces/stamp_events.sql", "max(:clock, ", "max(0, "
    ),
    Mutant(
        "no record of what was merged before an event",
        "fold/folding.py",
        "            registry.record_merged(first, site)\n",
        "",
    ),
    Mutant(
        "records of third sites are not forwarded",
        "sql/export/exporting/merged.sql",
        "WHERE merged.at > receiver.upto",
        "WHERE merged.at > receiver.upto AND merged.site = (SELECT value FROM _crdt_meta WHERE name = 'self')",
    ),
    Mutant(
        "the vector is raised too far",
        "merge/merging.py",
        "registry.raise_vector(batch, [(local[site.ordinal], site.upto)])",
        "registry.raise_vector(batch, [(local[site.ordinal], site.upto + 1)])",
    ),
    Mutant(
        "the vector is raised although changes are missing",
        "merge/merging.py",
        "if ours.get(site, 0) < needed\n",
        "if ours.get(site, 0) < 0\n",
    ),
    Mutant("changes from the future are taken", "merge/merging.py", "if skew_ms > clock.MAXIMUM_SKEW_MS:", "if False:"),
    # -- identity
    Mutant(
        "a copied file keeps its site",
        "store/copies.py",
        "!= (here.machine, here.inode)",
        "!= (here.machine, remembered.get('inode'))",
    ),
    Mutant("what was folded elsewhere is folded anew", "store/book.py", "if count > 0:", "if False:"),
    Mutant("a restored file keeps its site", "store/copies.py", 'if note["generation"] > generation:', "if False:"),
    # -- rows
    Mutant(
        "only one head is kept",
        "sql/merge/meet/join_heads.sql",
        "complex = EXISTS (SELECT 1 FROM temp._crdt_head AS other WHERE other.id = met.id AND other.rank = 2)",
        "complex = 0",
    ),
    Mutant(
        "the newest head decides whether a row lives",
        "sql/merge/meet/collect_heads.sql",
        "ORDER BY ${comes_later}, t DESC",
        "ORDER BY t DESC, ${comes_later}",
    ),
    Mutant(
        "a pair of heads loses one",
        "sql/merge/meet/meet.sql",
        "WHEN (old_dot_t & 4611686018427387903) <= ifnull(",
        "WHEN (old_dot_t & 4611686018427387903) > ifnull(",
    ),
    Mutant(
        "deletes win under any policy",
        "merge/meet.py",
        'Sql("gone IS NULL" if _deletes_win(arrival) else "gone IS NOT NULL")',
        'Sql("gone IS NULL")',
    ),
    Mutant(
        "the values of a deleted row are not kept up to date",
        "sql/merge/materialize/update_held.sql",
        "AND (met.gone = 1 OR met.old_held IS NOT NULL)",
        "AND 0",
    ),
    Mutant(
        "an insert leaves old stamps on some cells",
        "sql/fold/folding/stamp_kept.sql",
        ", CASE WHEN inserted IS NULL THEN ${stamp_t} END, CASE WHEN inserted IS NULL THEN ${stamp_s} END",
        ", ${stamp_t}, ${stamp_s}",
    ),
    Mutant(
        "rows of which only a further head is new are not sent",
        "sql/export/exporting/head_is_new.sql",
        "clock.many = 1\n",
        "0\n",
    ),
    Mutant("further heads are not sent", "sql/export/exporting/heads.sql", "WHERE sent.many = 1", "WHERE 0"),
    Mutant(
        "an export begins too late",
        "sql/export/exporting/find_start.sql",
        "SELECT min(progress.seq)",
        "SELECT max(progress.seq)",
    ),
    Mutant(
        "a genesis is not told from a write",
        "sql/export/exporting/genesis_rows.sql",
        "WHERE NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE ${clock_is_shown})",
        "WHERE 0 AND NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE ${clock_is_shown})",
    ),
    # -- cells
    Mutant(
        "the older value wins", "sql/merge/arrival/stamp_is_newer.sql", "${new_t} > ${old_t}", "${new_t} < ${old_t}"
    ),
    Mutant(
        "every overwrite counts as concurrent",
        "sql/merge/arrival/cell_clashes.sql",
        "AND at <= (${new_t} & 4611686018427387903)",
        "AND at < 0",
    ),
    Mutant(
        "a conflict names the wrong value",
        "sql/merge/meet/record_conflicts.sql",
        "CASE WHEN wins THEN theirs ELSE mine END",
        "mine",
    ),
    Mutant(
        "only the first mask bit is looked at",
        "sql/fold/folding/latest_update.sql",
        "(detail >> ${bit}) & 1",
        "(detail >> (0 * ${bit})) & 1",
    ),
    # -- parts
    Mutant(
        "of several changes of an element the first counts",
        "sql/fold/foldparts/keep_last_changes.sql",
        "later.i > earlier.i",
        "later.i < earlier.i",
    ),
    Mutant(
        "an increment is counted from nothing",
        "sql/fold/foldparts/added.sql",
        "ifnull(write.new, 0) - ifnull(write.old, 0)",
        "ifnull(write.new, 0)",
    ),
    Mutant(
        "a new base does not note what it had seen",
        "sql/fold/foldparts/note_bases_seen.sql",
        "WHERE cell.whole IS NOT NULL",
        "WHERE 0",
    ),
    Mutant(
        "a new base forgets the totals",
        "fold/foldparts.py",
        '"whole IS NOT NULL", "part <> \'+\'"',
        '"whole IS NOT NULL"',
    ),
    Mutant(
        "of two bases the one that saw less counts",
        "sql/types/celltypes/show_counter.sql",
        "ORDER BY seen.n DESC",
        "ORDER BY seen.n",
    ),
    Mutant(
        "totals of other sites are not added",
        "sql/types/celltypes/show_counter.sql",
        "WHERE total.part = '+'",
        "WHERE total.part = '+' AND total.mine",
    ),
    Mutant(
        "a total is cut off at the limit that is for what is shown",
        "types/exact.py",
        "return write(read(left) + read(right), bool(real))",
        "return shown(read(left) + read(right), bool(real))",
    ),
    Mutant(
        "differences are added in SQLite's own numbers, however large",
        "fold/foldparts.py",
        '"fold/foldparts/added_exactly" if large',
        '"fold/foldparts/added_exactly" if False',
    ),
    Mutant(
        "parts are added in SQLite's own numbers, however large",
        "sql/types/parts/is_large.sql",
        "OR v NOT BETWEEN",
        "OR 0 AND v NOT BETWEEN",
    ),
    Mutant(
        "a sum beyond the range wraps around",
        "types/exact.py",
        "within = max(-BOUND << _UNIT, min(units, BOUND << _UNIT))",
        "within = (units + (BOUND << _UNIT)) % (BOUND << _UNIT + 1) - (BOUND << _UNIT)",
    ),
    Mutant(
        "a total that no number holds is rounded",
        "types/exact.py",
        "return held if held is not None else _as_text(units)",
        "return held if held is not None else shown(units, True)",
    ),
    Mutant(
        "removals win over additions",
        "sql/types/celltypes/show_set.sql",
        "max(gone IS NULL AND part <> '') AS shown",
        "min(gone IS NULL AND part <> '') AS shown",
    ),
    Mutant(
        "an element that is there already gets a new event",
        "sql/fold/foldparts/find_changes.sql",
        "(before.id IS NULL OR before.v IS NOT after.v)",
        "1",
    ),
    Mutant(
        "removed elements leave nothing behind",
        "sql/fold/foldparts/store_changed_parts.sql",
        "JOIN temp._crdt_cell AS cell ON cell.id = change.id\n",
        "JOIN temp._crdt_cell AS cell ON cell.id = change.id AND change.gone IS NULL\n",
    ),
    Mutant(
        "a removal is not believed",
        "sql/merge/mergeparts/drop_my_parts.sql",
        "sent.part = mine.part AND sent.theirs)",
        "sent.part = mine.part AND 0)",
    ),
    Mutant(
        "a whole write leaves parts that it had seen",
        "sql/merge/mergeparts/drop_my_parts.sql",
        "WHERE sent.id = mine.id AND sent.part = '' AND sent.theirs",
        "WHERE sent.id = mine.id AND sent.part = '' AND 0",
    ),
    Mutant(
        "what was seen and removed comes back",
        "sql/merge/mergeparts/drop_their_parts.sql",
        "WHERE sent.mine IS NULL\n",
        "WHERE 0\n",
    ),
    Mutant(
        "only the new heads of a part are sent",
        "sql/export/exporting/parts.sql",
        "max((part.t & 4611686018427387903) > receiver.upto) OVER (PARTITION BY sent.rowid, part.col, part.part)",
        "((part.t & 4611686018427387903) > receiver.upto)",
    ),
    Mutant(
        "a whole write is sent without its parts",
        "sql/export/exporting/parts.sql",
        "WHERE part = '' OR part_new OR whole_new",
        "WHERE part = '' OR part_new",
    ),
    Mutant(
        "a value that was not sent implies parts of the sender's",
        "sql/export/exporting/parts.sql",
        "CASE WHEN part <> '' OR whole_new OR NOT splits OR t = -4611686018427387904 THEN v END",
        "v",
    ),
    Mutant(
        "the stamp of a typed cell is the sender's",
        "sql/merge/meet/typed_stamp_t.sql",
        " AND ${newer} ",
        " AND (${newer} OR 1) ",
    ),
    Mutant(
        "a map shows its oldest leaf",
        "sql/types/celltypes/show_map.sql",
        "part.t DESC, site.id DESC",
        "part.t, site.id",
    ),
    Mutant(
        "a value over NULL is not a whole write",
        "fold/foldparts.py",
        '        self._execute("fold/foldparts/find_wholes")\n',
        "",
    ),
    Mutant("a maximum takes the last value", "types/celltypes/maximum.py", "    takes_best=True,\n", ""),
    Mutant(
        "a register forgets values that nobody saw",
        "sql/merge/mergeparts/store_parts.sql",
        "WHERE cell.id NOT IN (SELECT id FROM temp._crdt_alone)",
        "WHERE 0",
    ),
    Mutant(
        "updates before an insert count",
        "fold/foldparts.py",
        'which=Sql("write.hlc > ifnull(cell.whole, 0)")',
        'which=Sql("1")',
    ),
    # -- what tables show under constraints
    Mutant(
        "the newest claim takes a UNIQUE value",
        "shown/deciding/facts.py",
        "firm.sort(key=lambda entry: (entry[1], entry[0]))",
        "firm.sort(key=lambda entry: (entry[1], entry[0]), reverse=True)",
        constrained=True,
    ),
    Mutant(
        "no claim yields",
        "shown/deciding/facts.py",
        "(rest if row in yielding else firm)",
        "(rest if not yielding else firm)",
        constrained=True,
    ),
    Mutant(
        "an update of a UNIQUE column is no claim",
        "shown/deciding/contest.py",
        "for f in self.side.table.fields if caseless(f.name) in names]",
        "for f in self.side.table.fields if caseless(f.name) in names and not names]",
        constrained=True,
    ),
    Mutant(
        "a parent is restored although its delete had seen the reference",
        "shown/settling.py",
        "not any(self.causality.has_seen(delete, stamp) for delete in found)",
        "found is not None",
        constrained=True,
    ),
    Mutant(
        "a row whose parent's default is gone is held",
        "shown/deciding/marks.py",
        "reference.key.on_delete not in MASKS or",
        'reference.key.on_delete != "SET NULL" or',
        constrained=True,
    ),
    Mutant(
        "whoever lifts owes nothing",
        "shown/settling.py",
        'self.connection.execute("INSERT INTO temp._crdt_dirty (tbl) VALUES (?)", (side.table.id,))',
        "pass",
        constrained=True,
    ),
    Mutant(
        "a row waits for nobody's value",
        "shown/deciding/turns.py",
        "return not any(self._is_behind(number, value) for value in self.values[number])",
        "return True",
        constrained=True,
    ),
    Mutant(
        "a row does not wait for the rows that it refers to",
        "shown/deciding/turns.py",
        "if self.above[number]:\n            return False",
        "if self.above[number] and self.rank[number] % 2:\n            return False",
        constrained=True,
    ),
    Mutant(
        "a reference is masked before its row's turn",
        "shown/deciding/facts.py",
        "and marks & link.parent_changing == form",
        "and form == 0",
        constrained=True,
    ),
    Mutant(
        "a default that leads nowhere is shown",
        "sql/shown/references/is_dangling.sql",
        "${is_truth} AND NOT EXISTS",
        "(${is_truth} OR 1) AND NOT EXISTS",
        constrained=True,
    ),
    Mutant(
        "what a CHECK said to a row is said to its mask",
        "shown/deciding/group.py",
        "                if candidates.marks.every or candidates.reading.references:\n",
        "                if False:\n",
        constrained=True,
    ),
    Mutant(
        "a default wins over NULL",
        "shown/deciding/marks.py",
        'for kind in ("SUFFIX", "DEFAULT", "NULL"):',
        'for kind in ("SUFFIX", "NULL", "DEFAULT"):',
        constrained=True,
    ),
    Mutant(
        "a suffix depends on who else is there",
        "shown/deciding/candidates.py",
        "[(suffix(key), number) for number, *key in found]",
        "[(suffix(key)[: 9 - len(found)], number) for number, *key in found]",
        constrained=True,
    ),
    Mutant(
        "a restored row that is updated keeps its mask for its value",
        "shown/standins.py",
        "masked = [field.name for field in table.fields] if masks is None else masks",
        "masked = masks or []",
        constrained=True,
    ),
    Mutant(
        "a value of a live row restores a deleted one",
        "sql/shown/references/find_dead_parents_by_value.sql",
        "AND NOT waiting.reason GLOB ${reason_like_deleted}\n",
        "AND waiting.reason GLOB ${reason_like_deleted}\n",
        constrained=True,
    ),
    Mutant(
        "a masked row that is updated loses its reference",
        "shown/standins.py",
        "if updated and is_shown:",
        "if is_shown:",
        constrained=True,
    ),
    Mutant(
        "a reference to a united row is not read",
        "shown/deciding/group.py",
        "if (reference in self.inner) == inner:",
        "if inner and reference in self.inner:",
        constrained=True,
    ),
    Mutant(
        "a reference within a table to a united row is not read",
        "shown/deciding/group.py",
        "if found.parent and found in self.ends.references}",
        "if found.parent and found not in self.ends.references}",
        constrained=True,
    ),
    Mutant(
        "only a row that lost a UNIQUE value is united",
        "shown/deciding/turns.py",
        "if outcome.why is not None and (own := self.facts.uniting(row)):",
        'if (outcome.why or "").startswith("unique") and (own := self.facts.uniting(row)):',
        constrained=True,
    ),
    Mutant(
        "claims yield by what references are read as",
        "shown/deciding/contest.py",
        "if form == (TRUTH if row in read else 0):",
        "if form == 0:",
        constrained=True,
    ),
    Mutant(
        "a row that shows a winner is taken for what it shows",
        "shown/deciding/candidates.py",
        "if column.text in marked or column in self.reading.columns:",
        "if column.text in marked:",
        constrained=True,
    ),
    Mutant(
        "a value is read although a row of its own has it",
        "shown/deciding/reading.py",
        'none_else=Sql("1") if reference.to_key else',
        'none_else=Sql("1") if reference.parent else',
        constrained=True,
    ),
    Mutant(
        "held rows are not sent",
        "sql/export/exporting/held_rows.sql",
        "(clock.gone = 1 OR clock.held IS NOT NULL)",
        "(clock.gone = 1 OR 0)",
        constrained=True,
    ),
    Mutant(
        "a mask is sent as the value",
        "sql/export/exporting/shown_rows.sql",
        "AND clock.held IS NULL",
        "AND (clock.held IS NULL OR 1)",
        constrained=True,
    ),
    Mutant(
        "a released row has the values that it was held with",
        "sql/merge/materialize/update_held.sql",
        "AND (met.gone = 1 OR met.old_held IS NOT NULL)",
        "AND met.gone = 1",
        constrained=True,
    ),
    Mutant(
        "a held row that is inserted again keeps its held values",
        "sql/fold/folding/release_held.sql",
        "event.op = 1 AND clock.held",
        "event.op = 0 AND clock.held",
        constrained=True,
    ),
    Mutant(
        "rows that REPLACE evicts stay",
        "sql/fold/folding/with_removals.sql",
        "max(op IN (2, 3)) AS removed",
        "max(op = 2) AS removed",
        constrained=True,
    ),
    Mutant(
        "a reference to a row that never was is left as it is",
        "sql/shown/references/is_dangling.sql",
        "NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE ${clock_is_child} AND (${written_since}))",
        "(1 OR EXISTS (SELECT 1 FROM ${clock} AS clock WHERE ${clock_is_child} AND (${written_since})))",
        constrained=True,
    ),
    # -- automatic ids
    Mutant(
        "the younger row keeps a number",
        "base/numbers_rule.py",
        "if contender.rank(number) < holder.rank(number):",
        "if contender.rank(number) > holder.rank(number):",
        constrained=True,
    ),
    Mutant(
        "a number that is used again stays with the deleted row",
        "base/numbers_rule.py",
        "return self.root.age, -self.generation, age, self.number",
        "return self.root.age, self.generation, age, self.number",
        constrained=True,
    ),
    Mutant(
        "whoever was here first keeps a number",
        "base/numbers_rule.py",
        "return self.root.age, -self.generation, age, self.number",
        'return (int(self.here is None), b""), -self.generation, age, self.number',
        constrained=True,
    ),
    Mutant(
        "the numbers of a changeset are not translated",
        "numbers/ids.py",
        "renumber.incoming(registry, header, database, Moves(table, incoming))",
        "renumber.incoming(registry, header, database, Moves(table, {}))",
        constrained=True,
    ),
    Mutant(
        "a row inserted after a delete within one log is the one that was deleted",
        "sql/numbers/births/find_births.sql",
        "AND event.detail IS NOT 1",
        "AND 0",
        constrained=True,
    ),
    Mutant(
        "references do not follow a renumbered row",
        "numbers/renumber.py",
        "            _move_value(registry, follower, meant)\n",
        "            pass\n",
        constrained=True,
    ),
    Mutant(
        "held references do not follow a renumbered row",
        "numbers/renumber.py",
        "    _translate(connection, table.held, naming.value(field.id), means)\n",
        "",
        constrained=True,
    ),
    Mutant(
        "a row that is replaced is another row",
        "sql/numbers/births/keep_replaced.sql",
        "AND event.op = 1",
        "AND event.op = 0",
        constrained=True,
    ),
    # -- conflict clauses
    Mutant(
        "the constraints' own clauses decide what a merge does",
        "sqlite/writing.py",
        "return Write(statement(on_conflict=OR_ABORT))",
        "return Write(statement(on_conflict=EMPTY))",
        constrained=True,
    ),
    Mutant(
        "statements that fire triggers are not rehearsed",
        "sqlite/writing.py",
        "if self.rehearsal is not None:",
        "if self.rehearsal is not None and not self.statement:",
        constrained=True,
    ),
    Mutant(
        "a statement's clause overrides those in the user's triggers",
        "sqlite/writing.py",
        "return Write(statement(on_conflict=EMPTY), rehearsal, ",
        "return Write(statement(on_conflict=OR_ABORT), rehearsal, ",
        constrained=True,
    ),
    # -- values at the edge
    Mutant(
        "an expression that fails on a row ends the merge",
        "sqlite/writing.py",
        "        raise ExpressionError(error) from error\n",
        "        raise\n",
        tests="tests/merge/test_failing_expressions.py",
    ),
    Mutant(
        "a trigger that fails keeps a row from being shown",
        "sqlite/writing.py",
        "if self.untriggered is None or",
        "if True or",
        tests="tests/merge/test_failing_expressions.py",
    ),
    Mutant(
        "a trigger that fails over one row is left out for all that go",
        "sqlite/writing.py",
        "    for key in keys:\n",
        "    for key in keys[:0]:\n",
        tests="tests/merge/test_failing_expressions.py",
    ),
    Mutant(
        "a term is computed for rows that its index leaves out",
        "capture/triggers.py",
        'f"CASE WHEN ({where}) THEN ({term}) END" if where else term',
        "term",
        tests="tests/merge/test_failing_expressions.py",
    ),
    Mutant(
        "one entry with odd text hides all others",
        "conflicts/conflict_log.py",
        'query.rows_to_show(registry.connection, sql("conflicts/conflict_log/list"',
        'query.rows(registry.connection, sql("conflicts/conflict_log/list"',
        tests="tests/merge/test_odd_text.py",
    ),
    Mutant(
        "a value that no replica takes is sent after a repair",
        "evolve/repair.py",
        "    if untaken:\n",
        "    if False:\n",
        tests="tests/evolve/test_untaken.py",
    ),
    # -- writes that no trigger saw
    Mutant(
        "a row that came unseen goes out with what was written later alone",
        "fold/folding.py",
        "if table.unsure is not None:",
        "if table.absent:",
        schemas=True,
    ),
    Mutant(
        "cells in doubt are as new as the write beside them",
        "sql/fold/unsure/write_down.sql",
        "min(event.hlc) - :offset",
        "min(event.hlc) - 0 * :offset",
        schemas=True,
    ),
    Mutant(
        "rows in doubt are forgotten after the repair",
        "evolve/repair.py",
        'registry.set(table.fact("unsure"), max(doubtful, table.unsure or 0))',
        'registry.set(table.fact("unsure"), None)',
        schemas=True,
    ),
    Mutant(
        "a sender that lacks a row of the genesis is not believed",
        "numbers/ids.py",
        "if lacking else found",
        "if False else found",
        schemas=True,
    ),
    Mutant(
        "a row that was refused its number by an unseen one is not believed",
        "numbers/ids.py",
        "and not (share_genesis and",
        "and not (False and",
        schemas=True,
    ),
    # -- rows under one number
    Mutant(
        "what a replacement does to other rows makes it a new row",
        "sql/numbers/births/forget_replaced.sql",
        "(other.op = 1 OR",
        "(other.op = 1 OR met.seq < event.seq - 2 OR",
        constrained=True,
    ),
    Mutant(
        "an update makes a new row one of the genesis",
        "sql/numbers/births/keep_replaced.sql",
        "(met.op = 1 AND met.detail = 1)",
        "met.detail = 1",
        tests="tests/numbers/test_replaced.py",
    ),
    Mutant(
        "a row that another one evicted is replaced by the next insert",
        "sql/numbers/births/forget_replaced.sql",
        "    met.detail IS NULL\n",
        "    1\n",
        tests="tests/numbers/test_replaced.py",
    ),
    Mutant(
        "a row of the genesis is known by one file's genesis alone",
        "numbers/contenders.py",
        "return known + [row for row in others if row.number not in claimed]",
        "return known",
        tests="tests/numbers/test_meant.py",
    ),
    # -- values that nobody saw
    Mutant(
        "an insert over a held row discards its values",
        "fold/folding.py",
        "    unseen.record(registry, [table for table, _ in tables], stamped.site_of)\n",
        "",
        constrained=True,
    ),
    Mutant(
        "a changeset does not say which writes took the place of what nobody saw",
        "conflicts/unseen.py",
        "if write[0] > receiver.get(write[1], 0))",
        "if write[0] > receiver.get(write[1], 0) + (1 << 62))",
        constrained=True,
    ),
    Mutant(
        "such writes are not passed on",
        "merge/merging.py",
        "unseen.remember(registry, [(hlc, local[ordinal], uid) for hlc, ordinal, uid in header.unseen])",
        "unseen.remember(registry, [])",
        constrained=True,
    ),
    # -- writes that wait in the log of several files
    Mutant(
        "who folds a log does not write it down",
        "store/book.py",
        "if self._file is None or self._path is None:",
        "if self._file is None or self._path is not None:",
        tests="tests/store/test_waiting.py",
    ),
    Mutant(
        "the place where two logs part is one entry early",
        "store/book.py",
        "            return high\n",
        "            return max(high - 1, 0)\n",
        tests="tests/store/test_waiting.py",
    ),
    Mutant(
        "a copy goes on under a site that wrote something else since",
        "store/book.py",
        "if piece.site == site and place > shared:",
        "if piece.site == site and place > shared + (1 << 60):",
        tests="tests/store/test_waiting.py",
    ),
    # -- rows of tables that are not replicated
    Mutant(
        "nobody looks at tables that are not replicated",
        "shown/strangers.py",
        "        if caseless(child) in replicated:\n",
        "        if caseless(child) not in replicated:\n",
        tests="tests/shown/test_traps_constraints.py",
    ),
    # -- what is left out
    Mutant(
        "tables that no merge can write are enabled",
        "capture/trial.py",
        "            query.compile_only(connection, statement)\n",
        "            pass\n",
        tests="tests/capture/test_left_out.py",
    ),
    Mutant(
        "a table that is left out is left half done",
        "replica/replica.py",
        'with query.savepoint(self.connection, "crdt_enable"):',
        "with suppress():",
        tests="tests/capture/test_left_out.py",
    ),
    # -- tables of ours that somebody dropped or altered
    Mutant(
        "a table of ours that is gone is not missed",
        "store/damage.py",
        '        return "is gone"\n',
        "        return None\n",
        tests="tests/evolve/test_tampering.py",
    ),
    Mutant(
        "a column of ours that is gone is not missed",
        "store/damage.py",
        "    missing = sorted(wanted - present[name])\n",
        "    missing = sorted(wanted - wanted)\n",
        tests="tests/evolve/test_tampering.py",
    ),
    # -- in one process with others
    Mutant(
        "another library that has the file open is not seen",
        "sqlite/neighbours.py",
        "            if left <= 0:\n",
        "            if left <= 1:\n",
        tests="tests/sqlite/test_neighbours.py",
    ),
    Mutant(
        "two threads use one replica at once",
        "replica/turns.py",
        "if not self._lock.acquire(timeout=self._seconds):",
        "if not self._lock.acquire(timeout=self._seconds) and self._owner == -1:",
        tests="tests/replica",
    ),
    Mutant(
        "a command waits for locks as long as it likes",
        "replica/transactions.py",
        "        if left <= 0:\n",
        "        if left <= -5:\n",
        tests="tests/replica/test_concurrent_writers.py",
    ),
    # -- answers and advice
    Mutant(
        "of several conflicts of a cell the latest ours is taken",
        "conflicts/resolve_all.py",
        'entries[0] if side.take == "ours" else entries[-1]',
        "entries[-1]",
        tests="tests/conflicts/test_resolve_all.py",
    ),
    Mutant(
        "a map that is half answered stays so",
        "conflicts/resolve_all.py",
        "    if half_done:\n        raise",
        "    if half_done and not registry:\n        raise",
        tests="tests/conflicts/test_resolve_all.py",
    ),
    Mutant(
        "doctor names types that a column can't have",
        "look/columns.py",
        "    except ColumnTypeError:\n        return False\n",
        "    except ColumnTypeError:\n        return True\n",
        tests="tests/look/test_columns.py",
    ),
    Mutant(
        "enable --if-needed looks at no option",
        "capture/enable.py",
        "    if problems:\n",
        "    if problems and not registry:\n",
        tests="tests/ui/test_scripts.py",
    ),
    # -- what people and programs read
    Mutant(
        "big integers are numbers in JSON",
        "base/values.py",
        '        return {"integer": str(value)}\n',
        "        return value\n",
        tests="tests/ui/test_json_numbers.py",
    ),
    Mutant(
        "commands in messages are not quoted",
        "base/suggest.py",
        'return shlex.join(["crdtsql", *verb.split(), *arguments, *options])',
        'return " ".join(["crdtsql", *verb.split(), *arguments, *options])',
        tests="tests/ui/test_wrong_names.py",
    ),
    Mutant(
        "a view or trigger in a file that somebody sent may call our functions",
        "ui/load.py",
        "create_scalar_function(name, function, arguments, flags=apsw.SQLITE_DIRECTONLY)",
        "create_scalar_function(name, function, arguments, flags=0)",
        tests="tests/ui/test_direct_only.py",
    ),
)
