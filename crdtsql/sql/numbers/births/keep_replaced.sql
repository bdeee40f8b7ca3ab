INSERT OR IGNORE INTO ${born} (k1, born_t, born_s, root_t, root_s, generation)
-- An insert that began no row replaced the one that was there: it is the same row still, and keeps its birth.
SELECT event.k1, ifnull(clock.t, :genesis_t), ifnull(clock.s, :genesis_s), ifnull(clock.t, :genesis_t), ifnull(clock.s, :genesis_s), 0
FROM temp._crdt_event AS event
LEFT JOIN ${clock} AS clock ON clock.k1 = event.k1
WHERE event.tbl = :tbl
  AND event.op = 1
  AND event.k1 IN (SELECT met.k1 FROM temp._crdt_event AS met WHERE met.tbl = :tbl AND (met.op IN (2, 3) OR (met.op = 1 AND met.detail = 1)))
  AND NOT EXISTS (SELECT 1 FROM temp._crdt_birth AS birth WHERE birth.k1 = event.k1 AND birth.seq <= event.seq)
  AND ifnull(clock.t, :genesis_t) IS NOT NULL
