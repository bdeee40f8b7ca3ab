SELECT event.seq, ${t}, ${s}
FROM temp._crdt_event AS event
CROSS JOIN ${clock} AS clock ON ${clock_is_event}
WHERE event.seq IN (SELECT value FROM json_each(:events))
