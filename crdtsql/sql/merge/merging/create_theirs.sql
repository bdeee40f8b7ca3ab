CREATE TEMP TABLE _crdt_theirs (
  -- The sender's version vector.
  ordinal INTEGER PRIMARY KEY,  -- local site
  upto INTEGER NOT NULL         -- the hlc up to which the sender has seen its events
)
