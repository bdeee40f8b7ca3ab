UPDATE ${parked} AS parked
-- The last insert of the row counts.
SET (t, s) = (
  SELECT event.hlc, event.s
  FROM temp._crdt_event AS event
  WHERE event.tbl = :tbl AND event.op = 1 AND ${event_is_parked}
  ORDER BY event.seq DESC
  LIMIT 1
)
WHERE (${keys}) IN (${came_back})
