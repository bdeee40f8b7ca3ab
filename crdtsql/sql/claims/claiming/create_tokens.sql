CREATE TABLE IF NOT EXISTS main._crdt_token (
  -- Tokens that a writer has shown, each for the next write of the row that it is for.
  token INTEGER NOT NULL PRIMARY KEY,
  at_ms INTEGER NOT NULL -- when; it counts for a minute
)
