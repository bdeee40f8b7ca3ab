CREATE TEMP TABLE ${cells} (
  -- The cells of one typed column that have parts, of the rows of a step, and what the table shows.
  id INTEGER PRIMARY KEY,
  ${keys},
  value
)
