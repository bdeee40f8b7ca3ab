SELECT foretold.id, foretold.number, 0
-- What keys await that the log begins, under a number that no row had.
FROM main._crdt_foretold AS foretold
JOIN (SELECT k1, min(seq) AS seq FROM temp._crdt_event WHERE tbl = :tbl GROUP BY k1) AS met ON met.k1 = foretold.number
JOIN temp._crdt_event AS event ON event.seq = met.seq
WHERE foretold.uid = :uid
  AND event.op = 1
  AND event.s = foretold.site
  AND NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE clock.k1 = foretold.number)
