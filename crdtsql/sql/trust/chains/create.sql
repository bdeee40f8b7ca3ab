CREATE TABLE main._crdt_link (
  -- Links of chains, in the order in which they came: what sites signed of their own changes, to be passed on as it was signed.
  id INTEGER PRIMARY KEY,
  site BLOB NOT NULL,
  number INTEGER NOT NULL,
  since INTEGER NOT NULL,
  upto INTEGER NOT NULL,
  at INTEGER NOT NULL,
  before BLOB NOT NULL,
  content BLOB NOT NULL,
  signature BLOB NOT NULL,
  data BLOB,
  UNIQUE (site, number)
) STRICT
