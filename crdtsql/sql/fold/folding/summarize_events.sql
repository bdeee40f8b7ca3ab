SELECT tbl, count(*), max(op IN (2, 3)), max(op >= 4)
FROM temp._crdt_event
GROUP BY tbl
