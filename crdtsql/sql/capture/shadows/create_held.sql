CREATE TABLE ${held} (
  -- Rows that the user table does not show, or shows otherwise, with their values, and why.
  id INTEGER PRIMARY KEY,
  reason TEXT,
  ${columns}
)
