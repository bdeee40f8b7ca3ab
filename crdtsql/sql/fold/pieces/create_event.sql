CREATE TEMP TABLE _crdt_event (
  -- The entries of the log with their stamps (hlc, s); ms is when they were written, aged 1 if by triggers of an older format.
  seq INTEGER PRIMARY KEY, hlc INTEGER, s INTEGER, ms INTEGER, aged INTEGER, op, tbl, detail, old, new, ${log_keys}
)
