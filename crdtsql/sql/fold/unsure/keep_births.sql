INSERT OR IGNORE INTO ${born} (k1, born_t, born_s, root_t, root_s, generation)
-- They are rows of the genesis still, as far as anybody knows: that is what tells them from other rows under their number.
SELECT clock.k1, :genesis_t, :genesis_s, :genesis_t, :genesis_s, 0
FROM temp._crdt_event AS event
JOIN ${clock} AS clock ON clock.k1 = event.k1
WHERE event.tbl = :tbl AND clock.dot_t IS NULL AND clock.seq IS NULL AND clock.t = event.hlc - :offset AND clock.s = event.s
