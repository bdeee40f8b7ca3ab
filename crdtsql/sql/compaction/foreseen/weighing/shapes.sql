SELECT
  entry.name,
  entry.tbl_name,
  entry.type = 'index' AND ifnull(instr(entry.sql, ' WHERE '), 0),
  size.pgsize,
  size.pgsize - size.unused,
  size.payload,
  size.ncell
-- Of each table of ours and each index of one: has it some rows alone, its bytes, those in use, those of its rows, and how many rows it has.
FROM dbstat('main', 1) AS size
JOIN sqlite_schema AS entry ON entry.name = size.name AND entry.type IN ('table', 'index')
WHERE entry.tbl_name GLOB '_crdt_*'
