INSERT INTO ${before} (${keys})
SELECT ${key_columns}
FROM ${table} AS shown
WHERE NOT (${is_moved})
