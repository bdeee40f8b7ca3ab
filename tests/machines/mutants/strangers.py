"""The seeded bugs of what keeps a stranger from leaving something behind."""

from __future__ import annotations

from tests.machines.mutants.kind import Mutant

PASSING = "tests/merge/test_passing_on.py"
SPOTCHECKS = "tests/transports/test_spotchecks.py"
KEPT = "tests/evolve/test_strangers.py"
SHARES = "tests/export/test_shares.py"
STRANGERS = (
    Mutant(
        "parts are kept whose whole nobody here ever saw",
        "merge/mergeparts.py",
        "            self._check_wholes()\n",
        "",
        tests=PASSING,
    ),
    Mutant(
        "limits count for each changeset alone",
        "replica/replica.py",
        "if self.registry.says_more:",
        "if False:",
        tests=PASSING,
    ),
    Mutant(
        "a header is not read before others must read it",
        "export/sendable.py",
        "        read_header(head)\n",
        "        pass\n",
        tests=PASSING,
    ),
    Mutant(
        "what arrives says of which numbers a counter is that is here already",
        "sql/merge/mergeparts/find_numbers.sql",
        "IN ('integer', 'real')",
        "IN ('real')",
        tests=PASSING,
    ),
    Mutant(
        "a placeholder takes all numbers for whole ones",
        "merge/mergeparts.py",
        "if not arrival.table.absent or TYPES[pair.field.type].kind is not Kind.TOTAL:",
        "if True:",
        tests=PASSING,
    ),
    Mutant(
        "a changeset of rows has a header of any length",
        "export/collecting.py",
        "if len(head) + len(encoded) <= MAXIMUM_ROWS_BYTES:",
        "if True:",
        tests=PASSING,
    ),
    Mutant(
        "one peer takes all the room for what is kept for others",
        "export/sendable.py",
        "    kept.check_share(registry, sender)\n",
        "",
        tests=SHARES,
    ),
    Mutant(
        "what others wrote counts as the sender's own",
        "export/kept.py",
        "return bool(writers) and writers <= own",
        "return True",
        tests=SHARES,
    ),
    Mutant(
        "a made-up table gives way to whoever sends another one",
        "evolve/letgo.py",
        "    if header.sender not in trusted:\n        return []\n",
        "",
        tests=SHARES,
    ),
    Mutant(
        "who wrote to rows of a table last wrote all of it",
        "export/kept.py",
        'joined([Sql("s"), Sql("dot_s"), *(naming.stamp_s(field.id) for field in table.fields)])',
        'Sql("ifnull(dot_s, s)")',
        tests=SHARES,
    ),
    Mutant(
        "a table gives way to who may not delete its rows",
        "evolve/letgo.py",
        " if permission.deletes and permission.covers(table.uid)]",
        "]",
        tests=SHARES,
    ),
    Mutant(
        "what a trusted site wrote gives way as well",
        "evolve/letgo.py",
        "if _differs(table, theirs) and not kept.table_writers(registry, table) & ordinals:",
        "if _differs(table, theirs):",
        tests=SHARES,
    ),
    Mutant(
        "what is dropped must not stand in the way of that",
        "replica/forgetting/compacting.py",
        "            self.registry.require()\n            found = strangers",
        "            self.registry.require()\n            self._ready({}, strict=False)\n            found = strangers",
        tests=KEPT,
    ),
    Mutant(
        "the parts of a column that is dropped stay",
        "evolve/letgo.py",
        "(of.cells_parked, of.parts) if of.may_have_parts else (of.cells_parked,)",
        "(of.cells_parked,)",
        tests=KEPT,
    ),
    Mutant(
        "nobody looks whether both have the same rows",
        "transports/exchange.py",
        "    is_whole = options.pull and options.push\n",
        "    is_whole = False\n",
        tests=SPOTCHECKS,
    ),
    Mutant(
        "that both have what neither gave the other is no reason to look",
        "transports/exchange.py",
        "both_heard = replica.both_heard(known.site, request.vector, known.vector)",
        "both_heard = False",
        tests=SPOTCHECKS,
    ),
    Mutant(
        "that a difference was found is no reason to look again",
        "transports/observing/spotchecks.py",
        "None if rows else found.looked, False, bool(rows)",
        "None if rows else found.looked, False, False",
        tests=SPOTCHECKS,
    ),
    Mutant(
        "that two are equal before they sync is no reason to look",
        "transports/exchange.py",
        "        both_heard = news\n",
        "        both_heard = False\n",
        tests=SPOTCHECKS,
    ),
    Mutant(
        "nobody says that some of a changeset was here already",
        "replica/replica.py",
        "            report.repeated = repeated\n",
        "",
        tests=SPOTCHECKS,
    ),
    Mutant(
        "who claims all of a changeset says nothing of that",
        "replica/replica.py",
        "known=True, repeated=repeated)",
        "known=True)",
        tests=SPOTCHECKS,
    ),
    Mutant(
        "a reason for a spot check is forgotten with the process",
        "transports/exchange.py",
        "            spotchecks.put_off(replica, peer.address)\n",
        "            pass\n",
        tests=SPOTCHECKS,
    ),
    Mutant(
        "a slow spot check is made in each sync for which there is reason",
        "transports/observing/spotchecks.py",
        "soon_ms = 0 if took_ms <= SHORT_MS else min(",
        "soon_ms = 0 if took_ms else min(",
        tests=SPOTCHECKS,
    ),
    Mutant(
        "only one side hears of a difference",
        "transports/observing/spotchecks.py",
        '                peer.exchange(Request(replica.site, known.vector, pull=False, question={"differing": rows}))\n',
        "",
        tests=SPOTCHECKS,
    ),
    Mutant(
        "a spot check of a large file forgets where both stood",
        "transports/observing/verifying.py",
        "return Comparison(looked=_asking(replica, peer, known, begin), partly=True)",
        "return Comparison(partly=True)",
        tests=SPOTCHECKS,
    ),
    Mutant(
        "there is a spot check in each sync",
        "transports/observing/spotchecks.py",
        "return not due_ms - LONGEST_MS <= now_ms < due_ms",
        "return True",
        tests=SPOTCHECKS,
    ),
    Mutant(
        "a stranger's word outweighs what was found here",
        "replica/exchanging/verifying.py",
        " or (told and before and not before.told)",
        "",
        tests=SPOTCHECKS,
    ),
)
