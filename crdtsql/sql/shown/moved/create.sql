CREATE TABLE IF NOT EXISTS main.${moved} (
  -- Rows that the user's table shows under another key than their own: the held row that is the truth, and that key.
  held INTEGER PRIMARY KEY,
  ${key_definitions},
  UNIQUE (${keys})
)
