CREATE TEMP TABLE ${claims} (
  -- The values that candidates have, or may come to have, in the UNIQUE indexes of a table.
  number,  -- of the index
  id,      -- of the candidate
  form,    -- in which it has the value
  ${terms}
)
