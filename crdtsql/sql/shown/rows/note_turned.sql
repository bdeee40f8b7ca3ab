INSERT INTO temp._crdt_dirty (tbl, ${keys})
SELECT :tbl, ${keys}
FROM temp._crdt_turned
