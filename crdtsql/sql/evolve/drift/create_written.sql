CREATE TEMP TABLE _crdt_written (
  -- Cells of one column that somebody wrote before it was registered.
  ${log_keys},
  v  -- what was written
)
