CREATE TRIGGER ${trigger} BEFORE UPDATE ${of_columns} ON ${table}
WHEN EXISTS (SELECT 1 FROM ${source} WHERE ${same_unique_key} AND NOT (${same_row}))
  AND NOT EXISTS (SELECT 1 FROM _crdt_quiet)
BEGIN
  -- UPDATE OR REPLACE deletes this row without firing a delete trigger; fold looks whether it is still there.
  INSERT INTO ${held} (reason, ${held_columns})
  SELECT ${reason_deleted}, ${columns} FROM ${source} WHERE ${same_unique_key} AND NOT (${same_row});
  INSERT INTO _crdt_log (at, op, tbl, detail, ${log_keys})
  SELECT ${log_time}, 3, ${table_id}, last_insert_rowid(), ${keys}
  FROM ${source} WHERE ${same_unique_key} AND NOT (${same_row});
END
