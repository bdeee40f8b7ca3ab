CREATE TRIGGER ${trigger} AFTER UPDATE ${of_columns} ON ${table}
WHEN (${any_changed})
  AND NOT EXISTS (SELECT 1 FROM _crdt_quiet)
BEGIN
  INSERT INTO _crdt_log (at, op, tbl, detail, ${log_keys})
  VALUES (${log_time}, ${op}, ${table_id}, ${mask}, ${new_keys});${keep}
END
