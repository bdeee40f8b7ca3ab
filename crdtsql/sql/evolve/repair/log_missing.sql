INSERT INTO _crdt_log (at, op, tbl, detail, ${keys})
SELECT ${log_time}, 2, :tbl, id, ${keys}
FROM ${held}
WHERE id > :last
