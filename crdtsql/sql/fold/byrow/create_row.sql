CREATE TEMP TABLE _crdt_row (
  -- The rows that the log has events of, in the order of their keys, with the hlc of the last insert, of the last event that is no hint,
  -- of the last event, and of the last update of each column; what a removed row held.
  id INTEGER PRIMARY KEY,
  ${keys},
  inserted INTEGER,
  written INTEGER,
  latest INTEGER,
  removed INTEGER,
  held INTEGER
  ${updates}
)
