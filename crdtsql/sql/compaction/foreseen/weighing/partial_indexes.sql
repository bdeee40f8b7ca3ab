SELECT tbl_name, name, substr(sql, instr(sql, ' WHERE ') + 7)
-- The indexes of what is kept for a table that have some of its rows alone, and which.
FROM sqlite_schema
WHERE type = 'index'
  AND tbl_name GLOB '_crdt_*'
  AND substr(tbl_name, -length(:table) - 1) = '_' || :table
  AND instr(sql, ' WHERE ')
