INSERT INTO _crdt_log (at, op, tbl, detail, ${log_keys})
-- Cells of a column that was added without us, and that hold something else than its default.
SELECT julianday('now'), :op, :tbl, :mask, ${user_keys}
FROM ${table} AS shown
WHERE shown.${column} COLLATE BINARY IS NOT :default OR typeof(shown.${column}) <> typeof(:default)
