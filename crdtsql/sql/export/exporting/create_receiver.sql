CREATE TEMP TABLE _crdt_receiver (
  -- The receiver's version vector.
  ordinal INTEGER PRIMARY KEY,  -- local site
  upto INTEGER NOT NULL         -- the hlc up to which the receiver has seen its events, 0 for none
)
