UPDATE ${held} AS held
SET k1 = event.k1
FROM temp._crdt_event AS event
WHERE event.tbl = :tbl
  AND event.op IN (2, 3)
  AND event.k1 IN (SELECT new FROM temp._crdt_moved)
  AND held.id = event.detail
