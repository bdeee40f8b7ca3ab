ALTER TABLE ${history} ADD COLUMN ${column}
