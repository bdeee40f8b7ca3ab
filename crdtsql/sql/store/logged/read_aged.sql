SELECT ${written_ms}
FROM main._crdt_log
WHERE seq >= (SELECT min(seq) FROM main._crdt_log WHERE typeof(at) <> 'integer')
ORDER BY seq
