SELECT tbl, id, name, type, uid, since
FROM _crdt_column
WHERE NOT dropped AND (?1 IS NULL OR tbl = ?1)
ORDER BY tbl, id
