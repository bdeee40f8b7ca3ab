CREATE TRIGGER ${trigger} AFTER INSERT ON ${table}
WHEN EXISTS (
  SELECT 1
  FROM _crdt_log AS entry
  WHERE entry.seq > (SELECT max(seq) FROM _crdt_log) - 20
    AND entry.op = 3
    AND entry.tbl = ${table_id}
    AND NOT EXISTS (SELECT 1 FROM ${table} AS shown WHERE ${shown_is_entry})
)
BEGIN
  -- A row that the statement met in a UNIQUE index is not there any more: INSERT OR REPLACE deleted it.
  SELECT RAISE(ABORT, ${message});
END
