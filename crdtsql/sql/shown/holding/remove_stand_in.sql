DELETE FROM ${table}
WHERE (${key_columns}) IN (SELECT ${keys} FROM ${held} WHERE id = ?)
