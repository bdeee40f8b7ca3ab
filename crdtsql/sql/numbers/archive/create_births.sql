CREATE TABLE main._crdt_births (
  -- Births of rows with automatic numbers whose clocks were forgotten: those of up to 1000 numbers from first to last.
  tbl INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  packed BLOB NOT NULL,
  PRIMARY KEY (tbl, first)
) WITHOUT ROWID
