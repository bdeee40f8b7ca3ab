CREATE TRIGGER ${trigger} AFTER UPDATE OF ${column} ON ${table}
WHEN (${changed})
  AND NOT EXISTS (SELECT 1 FROM _crdt_quiet)
BEGIN
  INSERT INTO _crdt_log (at, op, tbl, detail, old${new_name}, ${log_keys})
  VALUES (${log_time}, ${op}, ${table_id}, ${mask}, ${old}${new_value}, ${new_keys});${keep}
END
