CREATE TEMP TABLE _crdt_receiver (
  -- The sites of whose events the receiver lacks some. Of all others it has all that are here.
  ordinal INTEGER PRIMARY KEY,  -- local site
  upto INTEGER NOT NULL         -- the hlc up to which the receiver has seen its events, 0 for none
)
