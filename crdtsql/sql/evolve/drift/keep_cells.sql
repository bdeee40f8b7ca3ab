INSERT INTO temp._crdt_written (${log_keys}, v)
SELECT ${user_keys}, shown.${column}
FROM ${table} AS shown
WHERE shown.${column} COLLATE BINARY IS NOT :default OR typeof(shown.${column}) <> typeof(:default)
