CREATE TEMP TABLE _crdt_split (
  -- The parts of a cell before its writes (i = 0) and after each of them (i = 1, 2, ...).
  id INTEGER,
  part TEXT,
  i INTEGER,
  v,
  PRIMARY KEY (id, part, i)
) WITHOUT ROWID
