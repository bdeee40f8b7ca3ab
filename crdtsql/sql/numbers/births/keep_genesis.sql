INSERT OR IGNORE INTO ${born} (k1, born_t, born_s, root_t, root_s, generation)
-- Genesis rows that were replaced, or deleted and inserted again, since the last fold.
SELECT event.k1, :genesis_t, :genesis_s, :genesis_t, :genesis_s, 0
FROM temp._crdt_event AS event
WHERE event.tbl = :tbl AND NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE clock.k1 = event.k1)
GROUP BY event.k1
HAVING min(event.seq) < min(CASE WHEN event.op = 1 THEN event.seq END)
