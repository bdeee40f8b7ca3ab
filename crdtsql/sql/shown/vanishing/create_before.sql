CREATE TEMP TABLE ${before} (
  -- Keys of the rows that the user's table showed before a merge.
  ${key_definitions}
)
