CREATE TEMP TABLE _crdt_forgotten (
  -- Up to where the sender, or this replica, may have forgotten the stamps of sites.
  ordinal INTEGER PRIMARY KEY, -- the local ordinal
  upto INTEGER NOT NULL
)
