SELECT tbl, count(*), max(op IN (2, 3) OR (op = 1 AND detail = 1)), max(op >= 4)
FROM temp._crdt_event
GROUP BY tbl
