SELECT tbl, id, name, type, uid, since
FROM _crdt_column
WHERE NOT dropped AND (:tbl IS NULL OR tbl = :tbl)
ORDER BY tbl, id
