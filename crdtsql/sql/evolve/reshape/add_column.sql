ALTER TABLE ${table} ADD COLUMN ${column} DEFAULT ${default}
