SELECT s, min(hlc), max(hlc)
FROM (SELECT s, hlc, ${number} AS number FROM temp._crdt_event)
GROUP BY number
ORDER BY min(hlc)
