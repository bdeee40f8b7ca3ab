INSERT ${on_conflict} INTO ${table} (${columns})
VALUES (${values})
