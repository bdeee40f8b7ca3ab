SELECT site, upto, seq
FROM _crdt_progress
WHERE site <> :without
ORDER BY site, upto
