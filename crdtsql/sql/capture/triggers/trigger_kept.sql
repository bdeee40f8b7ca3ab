CREATE TRIGGER ${trigger} AFTER ${event} ON ${table}
WHEN EXISTS (
  SELECT 1
  FROM _crdt_log AS entry
  WHERE entry.seq > (SELECT max(seq) FROM _crdt_log) - 20
    AND entry.op = 3
    AND entry.tbl = ${table_id}
    AND NOT EXISTS (SELECT 1 FROM ${table} AS shown WHERE ${shown_is_entry})
)
  AND NOT EXISTS (SELECT 1 FROM _crdt_quiet)
BEGIN
  -- A row that the statement met in a UNIQUE index is not there any more: REPLACE deleted it. One row meets far fewer than 20.
  SELECT RAISE(ABORT, ${message});
END
