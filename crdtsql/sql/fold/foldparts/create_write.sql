CREATE TEMP TABLE _crdt_write (
  -- Updates of the cells at work, numbered within each cell from 1 on; counts: 0 if one changed the spelling alone.
  -- Of a counter one row stands for all that a site wrote before the last whole write, or after it, and has what they added: the first
  -- seq, the first and the last hlc.
  seq INTEGER PRIMARY KEY,
  id INTEGER,
  i INTEGER,
  first INTEGER,
  hlc INTEGER,
  s INTEGER,
  old,
  new,
  counts INTEGER NOT NULL DEFAULT 1,
  added,
  UNIQUE (id, i)
)
