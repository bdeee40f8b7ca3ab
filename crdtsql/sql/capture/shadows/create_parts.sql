CREATE TABLE IF NOT EXISTS ${parts} (
  -- Parts of typed cells with their latest events: col is the id of the column, part '' the whole cell; gone marks a removal.
  ${key_definitions},
  col INTEGER NOT NULL,
  part TEXT NOT NULL,
  s INTEGER NOT NULL,
  t INTEGER NOT NULL,
  gone INTEGER,
  v,
  n INTEGER,
  PRIMARY KEY (${key_columns}, col, part, s)
) WITHOUT ROWID
