INSERT ${on_conflict} INTO ${table} (${key_columns}${columns})
SELECT ${held_columns}
FROM ${held} AS held
WHERE held.id = :held
