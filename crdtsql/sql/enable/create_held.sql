CREATE TABLE ${held} (
  -- Rows that the user's table does not show, with their values. reason: deleted.
  id INTEGER PRIMARY KEY,
  reason TEXT,
  ${columns}
)
