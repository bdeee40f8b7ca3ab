CREATE TRIGGER ${trigger} AFTER UPDATE OF ${column} ON ${table}
WHEN ${changed}
BEGIN
  INSERT INTO _crdt_log (at, op, tbl, detail, old, ${log_keys})
  VALUES (julianday('now'), ${op}, ${table_id}, ${mask}, ${old}, ${new_keys});
END
