INSERT OR ABORT INTO ${table} (${columns})
SELECT ${columns} FROM ${table}
