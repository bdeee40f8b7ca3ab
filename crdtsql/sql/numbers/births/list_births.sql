SELECT
  birth.k1,
  birth.seq,
  birth.hlc,
  birth.s,
  -- Whether a row of the genesis had the number before.
  :genesis_t IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE clock.k1 = birth.k1)
    AND (SELECT min(event.seq) FROM temp._crdt_event AS event WHERE event.tbl = :tbl AND event.k1 = birth.k1)
      < (SELECT min(first.seq) FROM temp._crdt_birth AS first WHERE first.k1 = birth.k1),
  -- Whether it was replaced since.
  EXISTS (
    SELECT 1 FROM temp._crdt_event AS event
    WHERE event.tbl = :tbl AND event.k1 = birth.k1 AND event.op = 1 AND event.seq > birth.seq
  )
FROM temp._crdt_birth AS birth
ORDER BY birth.k1, birth.seq
