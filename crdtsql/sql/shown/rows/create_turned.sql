CREATE TEMP TABLE _crdt_turned (
  -- Rows whose first head is another one under the new policy.
  id INTEGER PRIMARY KEY,
  ${key_definitions},
  t,        -- the head that comes first now
  s,
  old_t,    -- the one that came first
  old_s,
  old_held  -- the held row of a row that was deleted
)
