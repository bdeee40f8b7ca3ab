INSERT INTO _crdt_log (at, op, tbl, detail, ${log_keys})
-- Cells of a column that was added without us, and that hold something else than its default.
SELECT ${log_time}, :op, :tbl, :mask, ${log_keys}
FROM temp._crdt_written
