CREATE TEMP TABLE ${staged} (
  -- Rows that are taken out of the user's table and put back, with the values that the merge came to.
  id INTEGER PRIMARY KEY,  -- the key of the incoming row
  ${staged_columns}
)
