CREATE TABLE IF NOT EXISTS segment (
  stem TEXT NOT NULL,
  -- its name without the ending
  needs BLOB,
  upto BLOB,
  -- vectors: 16 bytes of a site and 8 of its hlc for each entry; both NULL if it was not whole when it was read
  size INTEGER NOT NULL,
  marks TEXT NOT NULL,
  -- what the store says of its files, which changes when they do
  covered_by TEXT,
  covered_ms INTEGER,
  -- the segment that covers it, and since when that was seen here
  told TEXT,
  -- what it tells of what may be forgotten: a name in the table told; NULL for nothing
  PRIMARY KEY (stem)
) STRICT, WITHOUT ROWID
