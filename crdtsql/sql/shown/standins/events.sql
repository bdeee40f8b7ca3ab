SELECT event.op, event.detail
FROM ${held} AS held
JOIN temp._crdt_event AS event ON ${held_is_event}
WHERE held.id = :id AND event.tbl = :tbl
ORDER BY event.seq
