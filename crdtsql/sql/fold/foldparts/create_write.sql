CREATE TEMP TABLE _crdt_write (
  -- Updates of the cells at work, numbered within each cell from 1 on; counts: 0 if one changed the spelling alone.
  seq INTEGER PRIMARY KEY,
  id INTEGER,
  i INTEGER,
  hlc INTEGER,
  s INTEGER,
  old,
  new,
  counts INTEGER NOT NULL DEFAULT 1,
  UNIQUE (id, i)
)
