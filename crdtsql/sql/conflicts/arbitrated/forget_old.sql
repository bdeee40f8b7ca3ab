DELETE FROM main._crdt_arbitrated
WHERE at_ms < (SELECT at_ms FROM main._crdt_arbitrated ORDER BY at_ms DESC LIMIT 1 OFFSET :most)
