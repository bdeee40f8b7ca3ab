SELECT s, min(hlc), max(hlc), (
  SELECT earlier.hlc
  FROM temp._crdt_event AS earlier
  WHERE earlier.seq <= :after AND earlier.s = event.s
  ORDER BY earlier.seq DESC
  LIMIT 1
)
FROM temp._crdt_event AS event
WHERE seq > :after AND seq <= :last
GROUP BY s
