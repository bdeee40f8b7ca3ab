SELECT ${column}, ${key_columns}
FROM ${table}
WHERE ${invalid}
LIMIT 1
