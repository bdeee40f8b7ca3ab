INSERT INTO _crdt_log (at, op, tbl, detail, ${log_keys})
-- An insert, which makes all cells of the row count as written now; detail is 1 for a row that lives.
SELECT ${log_time}, 1, :tbl, :detail, ${user_keys}
FROM ${table} AS shown
WHERE ${is_row}
