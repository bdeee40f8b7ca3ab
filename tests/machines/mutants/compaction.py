"""The seeded bugs of compaction: the naive variants of what may be forgotten, each of which looks as if it worked."""

from __future__ import annotations

from tests.machines.mutants.kind import Mutant

ROUNDS, FENCE, SWEEP = "base/rules/rounds_rule.py", "compaction/fence.py", "compaction/settled.py"
ALONE = "compaction/alone.py"
COLLECT = "sql/compaction/settled/collect.sql"
COMPACTION = tuple(
    Mutant(name, file, find, put, compaction=True)
    for name, file, find, put in (
        (
            "a round is finished though one member has not agreed",
            ROUNDS,
            "if not self.acks or self.missing(vector):",
            "if not self.acks or len(self.missing(vector)) > 1:",
        ),
        (
            "whoever agrees to a cut need not have it",
            ROUNDS,
            "cut=least(fresh.cut, vector)",
            "cut=dict(fresh.cut)",
        ),
        (
            "of two cuts of a round the greater one counts",
            ROUNDS,
            "cut=least(later.cut, earlier.cut)",
            "cut=most(later.cut, earlier.cut)",
        ),
        (
            "a receiver that lacks what the sender forgot is not told",
            FENCE,
            "if not is_new and not rounds_rule.covers(ours, told.floor):",
            "if False:",
        ),
        (
            "changes of a sender that lacks what was forgotten here are taken",
            FENCE,
            "if not rounds_rule.covers(retiring.full(registry, header.vector), mine.floor):",
            "if False:",
        ),
        (
            "a site that nobody vouches for is admitted, whatever it had seen",
            FENCE,
            "if site.id not in ours and not _is_vouched(site.id, known, told):",
            "if False:",
        ),
        (
            "a clone is not vouched for",
            "replica/replica.py",
            "rounds.vouch(self.registry, site)",
            "pass",
        ),
        (
            "a row is forgotten whose first head is beyond the floor",
            COLLECT,
            "${is_below}\n",
            "(${is_below} OR 1)\n",
        ),
        (
            "a row is forgotten of which a further head is beyond the floor",
            COLLECT,
            "NOT ${head_is_below}",
            "NOT ifnull(${head_is_below}, 1) AND 0",
        ),
        (
            "a row is settled by its first head, whatever the others say",
            COLLECT,
            "(head.gone IS NOT clock.gone OR",
            "(0 OR",
        ),
        (
            "a row is settled while a conflict of it is open",
            COLLECT,
            "entry.resolved IS NULL\n",
            "0\n",
        ),
        (
            "a row becomes one of the genesis though another one, which is not shown, has its UNIQUE value",
            ALONE,
            "terms = [*(_has_no_rival(table, one) for one in uniques), ",
            "terms = [",
        ),
        (
            "a row becomes one of the genesis though what it refers to has a delete",
            "sql/compaction/alone/leads_to_live_row.sql",
            "(known.gone OR",
            "(0 OR",
        ),
        (
            "of a deleted row with an automatic number nothing is left at all",
            "sql/compaction/settled/list_births.sql",
            "IN ('gone', 'genesis')",
            "IN ('genesis')",
        ),
        (
            "a row with an automatic number loses its birth with its clock",
            "sql/compaction/settled/list_births.sql",
            "IN ('gone', 'genesis')",
            "IN ('gone')",
        ),
        (
            "a newcomer does not hear of numbers that were used by rows which are forgotten",
            "export/exporting.py",
            "    archive.give(connection, statements.births, archive.read(registry, table))\n",
            "",
        ),
        (
            "a deleted row is forgotten though rows may bring it back",
            SWEEP,
            "        if self.keeps_deleted:\n            return _NEVER\n",
            "",
        ),
        (
            "a deleted row is brought back though others may have forgotten its values",
            "conflicts/undelete.py",
            "    _check_kept(registry, table, heads, tuple(key))\n",
            "",
        ),
    )
) + tuple(
    Mutant(name, file, find, put, tests=tests)
    for name, file, find, put, tests in (
        (
            "births that were put away and are gone are not missed",
            "numbers/archive.py",
            '        registry.set(table.fact("births"), 1)\n',
            "        pass\n",
            "tests/evolve/test_made_late.py",
        ),
        (
            "births that others know too are forgotten with the table they were in",
            "store/damage.py",
            "alone = _is_alone(connection)\n",
            "alone = True\n",
            "tests/evolve/test_made_late.py",
        ),
        (
            "a copy that somebody else makes is taken for waste",
            "wire/halfway.py",
            "        return _lock(handle)\n",
            "        return True\n",
            "tests/replica/test_unfinished.py",
        ),
        (
            "a copy that was just begun is taken for waste",
            "wire/halfway.py",
            "left_in(target.parent, LEFT_S)",
            "left_in(target.parent)",
            "tests/replica/test_unfinished.py",
        ),
        (
            "a note that earlier formats don't know keeps a file from going back",
            "evolve/downgrading.py",
            '"began", ',
            "",
            "tests/store/test_downgrade.py",
        ),
        (
            "a site that nobody knows brings a row back without its values",
            "conflicts/undelete.py",
            "    if _may_be_forgotten(registry, heads):\n",
            "    if False:\n",
            "tests/conflicts/test_undelete.py",
        ),
        (
            "the first event of another site is taken for that of this one",
            "store/vectors/began.py",
            "if ordinal == str(own):",
            "if ordinal:",
            "tests/conflicts/test_undelete.py",
        ),
        (
            "what was deleted before a site's first event comes back without its values once it wrote something",
            "store/vectors/began.py",
            "    ordinal, _, hlc = ",
            "    return 0\n    ordinal, _, hlc = ",
            "tests/conflicts/test_undelete.py",
        ),
        (
            "a row that comes back with its values is another row",
            "conflicts/undelete.py",
            'values |= {"op": INSERT_OP, "detail": 1}',
            'values |= {"op": INSERT_OP, "detail": None}',
            "tests/conflicts/test_undelete.py",
        ),
        (
            "a row of which a severed reference may still be reported loses its birth",
            ALONE,
            "    terms += _lost_no_references(connection, registry, table)\n",
            "",
            "tests/compaction/test_compact.py",
        ),
        (
            "a row loses its severed reference for good though what it led to may be shown again",
            COLLECT,
            "OR (entry.took = 'severed'",
            "OR (0",
            "tests/compaction/test_compact.py",
        ),
        (
            "any value that is here was overwritten unseen if the one that was is settled",
            "merge/taken.py",
            "return [(0, SETTLED)]",
            "return [(0, 0)]",
            "tests/compaction/test_compact.py",
        ),
        (
            "a settled value that was overwritten unseen is not known by the stamp that it has here still",
            "merge/taken.py",
            "return [(0, SETTLED)]",
            "return [(0, FORGOTTEN)]",
            "tests/compaction/test_compact.py",
        ),
        (
            "a row takes the number of a forgotten one unnoticed where no row of the table is left",
            "numbers/ids.py",
            "for here in (table.clock, table.quoted, table.born)",
            "for here in (table.clock, table.quoted)",
            "tests/compaction/test_compact.py",
        ),
        (
            "a file that compacts by itself looks at its rows again and again",
            "compaction/due.py",
            'return not forgotten or registry.get("compacted") == _named(forgotten)',
            "return not forgotten",
            "tests/transports/test_idle.py",
        ),
        (
            "a step of a compaction is taken for a write",
            "transports/watch/watching.py",
            "if self._data_version() == others:",
            "if False:",
            "tests/transports/test_idle.py",
        ),
        (
            "a write of another program is taken for a step of a compaction",
            "transports/watch/watching.py",
            "if self._data_version() == others:",
            "if True:",
            "tests/transports/test_idle.py",
        ),
        (
            "some rows stand for no others",
            "compaction/foreseen/foreseeing.py",
            "    weighing.scale(times)\n",
            "",
            "tests/compaction/test_foreseen.py",
        ),
        (
            "what a site had seen is forgotten though a kept stamp asks for it",
            "compaction/remnants.py",
            "return first < len(stamps) and (",
            "return False and (",
            "tests/compaction/test_remnants.py",
        ),
        (
            "the newest record below the floor goes too",
            "compaction/remnants.py",
            "if is_last and site not in self.over:",
            "if False:",
            "tests/compaction/test_remnants.py",
        ),
        (
            "stamps may move while they are looked at",
            "compaction/remnants.py",
            "if batch != self._batch:",
            "if self._batch < 0:",
            "tests/compaction/test_remnants.py",
        ),
        (
            "a stamp that comes back does not bring what its writer had seen",
            "sql/merge/merging/record_incoming_merged.sql",
            ":forgets OR ",
            "",
            "tests/compaction/test_remnants.py",
        ),
        (
            "a changeset has what was seen before it for strangers alone",
            "sql/export/earlier/tell.sql",
            "WHERE :all OR receiver.upto < ifnull(promise.value ->> 1, 0)",
            "WHERE :all",
            "tests/compaction/test_remnants.py",
        ),
        (
            "a compaction that has nothing to do changes the file",
            "replica/compacting.py",
            "            if undo:\n                raise Undo\n",
            "",
            "tests/compaction/test_remnants.py",
        ),
        (
            "one that is cut off ends the others",
            "compaction/silence.py",
            "return sorted(found) if 2 * len(quiet) < len(members) else []",
            "return sorted(found)",
            "tests/compaction/test_silence.py",
        ),
        (
            "one that was off for a year ends the others",
            "compaction/silence.py",
            "goes_on = before.mark == mark and now() - before.looked_ms <= LONGEST_GAP_MS",
            "goes_on = before.mark == mark",
            "tests/compaction/test_silence.py",
        ),
        (
            "one that agreed meanwhile is taken for silent",
            "compaction/silence.py",
            "goes_on = before.mark == mark and",
            "goes_on =",
            "tests/compaction/test_silence.py",
        ),
        (
            "what a dry run did stays",
            "replica/compacting.py",
            "                more = work()\n                raise Undo\n",
            "                more = work()\n",
            "tests/compaction/test_foreseen.py",
        ),
    )
)
