CREATE TEMP TABLE _crdt_birth (
  -- Inserts in the log that began a row under a number that another row has, or had, or may have had.
  k1,          -- the number; of no type, as in the log, so that its index serves to find it there
  seq INTEGER, -- the entry of the log
  hlc INTEGER,
  s INTEGER,
  PRIMARY KEY (k1, seq)
) WITHOUT ROWID
