CREATE TEMP TABLE ${rows} (
  -- The rows of a step of which parts say more than the table shows.
  ${keys}
)
