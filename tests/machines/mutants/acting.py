"""Seeded bugs of who writes, and in which run."""

from __future__ import annotations

from tests.machines.mutants.kind import Mutant

EXAMPLES, HISTORIES, VERBS = "tests/store/test_acting.py", "tests/machines/acting", "tests/store/test_acting_verbs.py"

ACTING = (
    Mutant(
        "a range grows though something was written between",
        "fold/attributing.py",
        "before or reached.get(site, 0)",
        "reached.get(site, 0)",
        tests=HISTORIES,
    ),
    Mutant(
        "what was written before the actor was said counts as its",
        "sql/fold/attributing/spans.sql",
        "WHERE seq > :after AND seq <= :last",
        "WHERE seq >= :after AND seq <= :last",
        tests=EXAMPLES,
    ),
    Mutant(
        "a block that ends takes away who acts since then",
        "replica/statements/actors.py",
        "if after is not None and acting.acting",
        "if after is None and acting.acting",
        tests=EXAMPLES,
    ),
    Mutant(
        "a copy goes on as who wrote in the other file",
        "store/identity/acting.py",
        "\"UPDATE main._crdt_acting SET actor = '' WHERE",
        "\"UPDATE main._crdt_acting SET actor = 'x' WHERE",
        tests=EXAMPLES,
    ),
    Mutant(
        "marks without writes pile up",
        "sql/capture/views/trigger_actor.sql",
        "DELETE FROM _crdt_acting WHERE after >= (",
        "DELETE FROM _crdt_acting WHERE after > (",
        tests=EXAMPLES,
    ),
    Mutant(
        "a range that is known does not grow when more of it comes",
        "sql/merge/merging/record_incoming_acted.sql",
        "WHERE excluded.upto > upto",
        "WHERE 0 * excluded.upto > upto",
        tests=EXAMPLES,
    ),
    Mutant(
        "others say who wrote here",
        "sql/merge/merging/record_incoming_acted.sql",
        "WHERE origin.local <> :self",
        "WHERE origin.local <> -:self",
        tests=EXAMPLES,
    ),
    Mutant(
        "a limited site attributes the events of others",
        "trust/permissions.py",
        '("merged", "acted") if header.acted else ("merged",)',
        '("merged",)',
        tests=EXAMPLES,
    ),
    Mutant(
        "a range may go beyond the sender's vector",
        "sql/wire/checking/acted_beyond_vector.sql",
        "acted.upto > ifnull(site.upto, 0)",
        "acted.since > ifnull(site.upto, 0)",
        tests=EXAMPLES,
    ),
    Mutant(
        "an attribution goes though a stamp is in it",
        "compaction/remnants.py",
        "ranges_below - asked.written",
        "ranges_below",
        tests=EXAMPLES,
    ),
    Mutant(
        "an attribution stays for ever",
        "sql/store/identity/acting/list_up_to.sql",
        "upto <= :upto",
        "upto <= -:upto",
        tests=EXAMPLES,
    ),
    Mutant(
        "a purge counts as the one's who wrote before",
        "store/identity/acting.py",
        "    actor = acting(registry.connection)\n    if actor is not None:\n",
        "    actor = acting(registry.connection) or Actor('ann')\n    if actor is not None:\n",
        tests=VERBS,
    ),
    Mutant(
        "a purge takes what was written before it into the actor's range",
        "store/identity/acting.py",
        '"SELECT upto FROM _crdt_site WHERE ordinal = ?", (site,)',
        '"SELECT max(upto) FROM _crdt_attribution WHERE site = ?", (site,)',
        tests=VERBS,
    ),
    Mutant(
        "what a purge writes is nobody's",
        "purge/purging.py",
        "acting.attribute_directly(registry, registry.self_ordinal, first, last)",
        "acting.acting(registry.connection)",
        tests=VERBS,
    ),
    Mutant(
        "one write as somebody ends whoever was said before",
        "store/identity/acting.py",
        "    if before is not None:\n",
        "    if before is None:\n",
        tests=VERBS,
    ),
    Mutant(
        "a name that was purged comes again with what others send",
        "sql/merge/merging/record_incoming_acted.sql",
        "ON CONFLICT (site, since) DO UPDATE SET upto = excluded.upto WHERE",
        "ON CONFLICT (site, since) DO UPDATE SET upto = excluded.upto, actor = excluded.actor WHERE",
        tests=VERBS,
    ),
    Mutant(
        "an altered trigger of a view is not noticed",
        "capture/views.py",
        "present.get(name, statement) != statement",
        "name in expected and not present",
        tests="tests/evolve/test_tampering.py",
    ),
)
