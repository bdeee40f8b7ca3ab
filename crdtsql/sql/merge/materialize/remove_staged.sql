DELETE FROM ${table}
WHERE (${key_columns}) IN (SELECT ${staged_keys} FROM ${staged} AS staged)
