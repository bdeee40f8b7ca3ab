CREATE TRIGGER ${trigger} AFTER UPDATE ${of_columns} ON ${table}
WHEN (${any_changed})
  AND NOT EXISTS (SELECT 1 FROM _crdt_quiet)
BEGIN
  INSERT INTO ${held} (reason, ${held_columns})
  VALUES (${reason_deleted}, ${old_columns});
  INSERT INTO _crdt_log (at, op, tbl, detail, ${log_keys})
  VALUES (${log_time}, 2, ${table_id}, last_insert_rowid(), ${old_keys});
  INSERT INTO _crdt_log (at, op, tbl, ${log_keys})
  VALUES (${log_time}, 1, ${table_id}, ${new_keys});
END
