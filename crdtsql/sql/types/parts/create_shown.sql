CREATE TEMP TABLE _crdt_shown (
  -- What a cell must show.
  id INTEGER PRIMARY KEY,  -- of the cell
  value
)
