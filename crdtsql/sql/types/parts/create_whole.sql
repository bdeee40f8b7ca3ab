CREATE TEMP TABLE _crdt_whole (
  -- Whole writes that imply a head of each part of their value.
  id INTEGER PRIMARY KEY,
  cell INTEGER,  -- the id of the cell
  s INTEGER,
  t INTEGER,
  value
)
