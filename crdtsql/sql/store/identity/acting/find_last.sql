SELECT since, upto, actor, session, run, note
FROM _crdt_attribution
WHERE site = :site
ORDER BY since DESC
LIMIT 1
