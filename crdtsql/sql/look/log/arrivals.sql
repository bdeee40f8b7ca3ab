SELECT site, upto, seq
FROM _crdt_progress
WHERE site <> :self
ORDER BY site, upto
