SELECT
  max(CASE WHEN name NOT GLOB '_crdt_*' THEN rowid END),
  min(CASE WHEN name GLOB '_crdt_*' THEN rowid END)
FROM sqlite_schema
WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE
