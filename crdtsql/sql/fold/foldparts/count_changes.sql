UPDATE temp._crdt_write
SET counts = 0
WHERE (id, i) NOT IN (SELECT id, i FROM temp._crdt_change)
