CREATE TABLE ${heads} (
  -- Further latest events of rows that several sites wrote or deleted concurrently; gone marks a delete.
  ${key_definitions},
  s INTEGER NOT NULL,
  t INTEGER NOT NULL,
  gone INTEGER,
  PRIMARY KEY (${key_columns}, s)
) WITHOUT ROWID
