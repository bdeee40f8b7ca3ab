CREATE TEMP TABLE _crdt_refused (
  -- Rows whose cell the user's table does not allow to show what the parts say: the column's id, and that value.
  ${keys},
  col INTEGER,
  value
)
