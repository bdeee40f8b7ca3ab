SELECT
  (SELECT hlc FROM temp._crdt_event WHERE seq > :before AND seq <= :last ORDER BY seq LIMIT 1),
  (SELECT hlc FROM temp._crdt_event WHERE seq > :before AND seq <= :last ORDER BY seq DESC LIMIT 1)
