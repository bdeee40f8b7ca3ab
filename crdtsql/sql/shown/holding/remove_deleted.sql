DELETE FROM ${table}
WHERE (${key_columns}) IN (SELECT ${keys} FROM ${clock} WHERE gone = 1)
