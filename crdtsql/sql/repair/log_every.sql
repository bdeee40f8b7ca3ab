INSERT INTO _crdt_log (at, op, tbl, ${log_keys})
SELECT julianday('now'), 1, :tbl, ${user_keys}
FROM ${table} AS shown
