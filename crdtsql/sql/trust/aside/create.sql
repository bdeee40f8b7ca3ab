CREATE TABLE main._crdt_aside (
  -- Changesets that were refused because their site may not write that here: they are taken as a whole, or dropped.
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  sender BLOB NOT NULL,
  why TEXT NOT NULL,
  data BLOB NOT NULL
)
