SELECT tbl, count(*), total(op IN (2, 3)) > 0, total(op >= 4) > 0
FROM temp._crdt_event
GROUP BY tbl
