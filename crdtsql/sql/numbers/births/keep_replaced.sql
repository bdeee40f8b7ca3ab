INSERT OR IGNORE INTO ${born} (k1, born_t, born_s, root_t, root_s, generation)
-- A row that is shown and is inserted was replaced: it is the same row still, and keeps its birth.
SELECT clock.k1, clock.t, clock.s, clock.t, clock.s, 0
FROM temp._crdt_event AS event
JOIN ${clock} AS clock ON clock.k1 = event.k1
WHERE event.tbl = :tbl AND event.op = 1 AND clock.held IS NULL
