INSERT INTO _crdt_attribution (site, since, upto, actor, session, run, note)
SELECT origin.local, acted.since, acted.upto, acted.actor, acted.session, acted.run, acted.note
FROM ${image}.acted AS acted
JOIN temp._crdt_from AS origin ON origin.remote = acted.site
-- Of its own events a replica knows by itself who wrote them.
WHERE origin.local <> :self
ON CONFLICT (site, since) DO UPDATE SET upto = excluded.upto WHERE excluded.upto > upto
