CREATE TABLE IF NOT EXISTS told (
  name TEXT NOT NULL,
  -- its hash
  text TEXT NOT NULL,
  -- what a segment tells of what may be forgotten, as JSON
  PRIMARY KEY (name)
) STRICT, WITHOUT ROWID
