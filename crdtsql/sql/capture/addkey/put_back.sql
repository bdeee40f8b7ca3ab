INSERT OR ABORT INTO ${table} (${rowid}${user_columns}, ${key})
SELECT ${from_rowid}${columns}, crdt_row_key(${content})
FROM ${moved}
ORDER BY ${from_order}
