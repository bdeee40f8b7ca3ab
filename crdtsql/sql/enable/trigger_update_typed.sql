CREATE TRIGGER ${trigger} AFTER UPDATE ON ${table}
WHEN ${changed}
BEGIN
  ${refusals}
  INSERT INTO _crdt_log (at, op, tbl, detail, old, ${log_keys})
  VALUES (julianday('now'), ${op}, ${table_id}, ${mask}, OLD.${column}, ${new_keys});
END
