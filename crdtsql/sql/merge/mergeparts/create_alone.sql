CREATE TEMP TABLE _crdt_alone (
  -- Cells of which a whole write is all that is left, and the value that was written.
  id INTEGER PRIMARY KEY,  -- of the cell
  value
)
