UPDATE temp._crdt_event AS event
SET k1 = moved.new
FROM temp._crdt_moved AS moved
WHERE event.tbl = :tbl AND event.k1 = moved.old AND event.seq >= moved.first AND event.seq < moved.last
