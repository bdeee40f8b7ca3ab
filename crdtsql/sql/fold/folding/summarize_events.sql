SELECT known.tbl, counted.events, max(known.op = 1), max(known.op IN (2, 3) OR known.perhaps), max(known.op >= 4)
-- Two small questions to all events take half the time of one large one.
FROM (SELECT DISTINCT tbl, op, op = 1 AND detail = 1 AS perhaps FROM temp._crdt_event) AS known
JOIN (SELECT tbl, count(*) AS events FROM temp._crdt_event GROUP BY tbl) AS counted ON counted.tbl = known.tbl
GROUP BY known.tbl
