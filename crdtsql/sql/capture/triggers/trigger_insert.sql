CREATE TRIGGER ${trigger} AFTER INSERT ON ${table}
WHEN NOT EXISTS (SELECT 1 FROM _crdt_quiet)
BEGIN
  INSERT INTO _crdt_log (at, op, tbl, ${log_keys})
  VALUES (${log_time}, 1, ${table_id}, ${new_keys});
END
