INSERT ${on_conflict} INTO ${table} (${key_columns}${columns})
SELECT ${staged_columns} FROM ${staged}
