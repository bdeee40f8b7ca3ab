CREATE TEMP TABLE _crdt_purge (
  -- Rows whose values are to be forgotten, and the stamp of the event that says so.
  id INTEGER PRIMARY KEY,
  tbl INTEGER NOT NULL,
  t INTEGER,
  s INTEGER,
  ${log_keys}
)
