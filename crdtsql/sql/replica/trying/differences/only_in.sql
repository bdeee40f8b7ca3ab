SELECT ${columns}
FROM ${one}.${table} AS shown
WHERE NOT EXISTS (SELECT 1 FROM ${other}.${table} AS old WHERE ${same_key})
