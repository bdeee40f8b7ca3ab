SELECT tbl, id, name, type, uid, since
FROM _crdt_column
WHERE NOT dropped
ORDER BY tbl, id
