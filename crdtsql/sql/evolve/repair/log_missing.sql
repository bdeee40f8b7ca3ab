INSERT INTO _crdt_log (at, op, tbl, detail, ${keys})
SELECT julianday('now'), 2, :tbl, id, ${keys}
FROM ${held}
WHERE id > :last
