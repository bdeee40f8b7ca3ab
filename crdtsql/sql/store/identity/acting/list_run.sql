SELECT site, since, upto
FROM _crdt_attribution
WHERE run = :run
ORDER BY site, since
