SELECT s, min(hlc), max(hlc)
FROM temp._crdt_event
WHERE seq > :after AND seq <= :last
GROUP BY s
