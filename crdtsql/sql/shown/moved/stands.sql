SELECT 1
FROM ${table} AS shown
WHERE (${key_columns}) = (SELECT ${keys} FROM main.${moved} WHERE held = ?)
