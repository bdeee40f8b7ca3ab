SELECT known.tbl, counted.events, known.op, known.mask
-- Two small questions to all events take half the time of one large one.
FROM (
  SELECT DISTINCT tbl, op, CASE WHEN op >= ${first_update_op} THEN detail WHEN op = 1 THEN detail = 1 END AS mask
  FROM temp._crdt_event
) AS known
JOIN (SELECT tbl, count(*) AS events FROM temp._crdt_event GROUP BY tbl) AS counted ON counted.tbl = known.tbl
ORDER BY known.tbl
