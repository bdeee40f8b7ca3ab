CREATE TEMP TABLE _crdt_floor (
  -- The floor, by local ordinals.
  ordinal INTEGER PRIMARY KEY,
  upto INTEGER NOT NULL
)
