SELECT held.id, min(event.hlc), ${held_keys}
FROM temp._crdt_event AS event
CROSS JOIN ${clock} AS clock ON ${clock_is_event}
CROSS JOIN ${held} AS held ON held.id = clock.held
WHERE event.tbl = :tbl AND event.op = 1
GROUP BY held.id
