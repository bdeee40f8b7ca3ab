CREATE TEMP TABLE _crdt_change (
  -- What the writes of a cell did to its parts: i is the number of the write, gone 1 if it removed the part.
  id INTEGER,
  part TEXT,
  i INTEGER,
  v,
  gone INTEGER,
  PRIMARY KEY (id, part, i)
) WITHOUT ROWID
