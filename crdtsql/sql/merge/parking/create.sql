CREATE TABLE IF NOT EXISTS ${parked} (
  -- Cells of columns of other replicas that this table does not have; the fact parked:<table> says which column col is.
  ${key_definitions},
  col INTEGER NOT NULL,
  v,
  t INTEGER NOT NULL,
  s INTEGER NOT NULL,
  PRIMARY KEY (${key_columns}, col)
) WITHOUT ROWID
