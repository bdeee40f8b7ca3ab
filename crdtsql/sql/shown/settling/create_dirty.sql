CREATE TEMP TABLE _crdt_dirty (
  -- Rows that may have changed since the tables were settled.
  tbl,  -- id of the table
  ${log_keys}  -- the key, in as many columns as it has; all NULL: any row of the table
)
