INSERT INTO ${moved} (${rowid}${columns})
SELECT ${rowid}${user_columns}
FROM ${table}
