SELECT event.seq, event.hlc, event.s
-- What the log began under a number that no row had before, and that it neither deleted nor replaced (see find_births.sql).
FROM temp._crdt_event AS event
WHERE event.tbl = :tbl
  AND event.k1 = :number
  AND event.op = 1
  AND event.detail IS NOT 1
  AND NOT event.aged
  AND NOT EXISTS (SELECT 1 FROM temp._crdt_event AS other WHERE other.tbl = :tbl AND other.k1 = :number AND other.op IN (2, 3))
  AND NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE clock.k1 = :number)
