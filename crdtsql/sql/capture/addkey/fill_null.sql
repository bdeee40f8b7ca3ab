UPDATE ${on_conflict} ${table}
SET ${key} = crdt_row_key(${content})
WHERE ${key} IS NULL
