SELECT min(event.seq), ${t}, ${s}
FROM temp._crdt_event AS event
CROSS JOIN ${clock} AS clock ON ${clock_is_event}
WHERE event.tbl = :tbl
  AND (${t}, ${s}) IN (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(:writes))
GROUP BY 2, 3
