SELECT ${clock_keys}
    FROM temp._crdt_event AS event
    JOIN ${clock} AS clock ON ${clock_is_event}
    WHERE event.tbl = :tbl AND event.op = 1 AND clock.gone = 1
