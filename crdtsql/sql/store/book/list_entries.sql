SELECT seq, at
FROM _crdt_log
ORDER BY seq
