INSERT OR IGNORE INTO ${out} (${keys})
SELECT ${key_columns}
FROM ${child} AS shown
WHERE ${column} IN (SELECT CAST(value AS INTEGER) FROM json_each(:numbers))
