DELETE FROM ${table}
WHERE (${key_columns}) IN (SELECT ${staged_keys} FROM temp._crdt_staged AS staged)
