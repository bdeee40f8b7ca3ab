DELETE FROM ${table}
WHERE (${key_columns}) IN (SELECT ${keys} FROM main.${moved})
