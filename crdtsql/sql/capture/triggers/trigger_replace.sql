CREATE TRIGGER ${trigger} BEFORE INSERT ON ${table}
WHEN EXISTS (SELECT 1 FROM ${table} AS crdt_row WHERE crdt_row.${key_column} = NEW.${key_column})
  AND NOT EXISTS (SELECT 1 FROM _crdt_quiet)
BEGIN
  -- REPLACE over a row that is there; an insert without this is a row of its own, whatever had its number before.
  INSERT INTO _crdt_log (at, op, tbl, ${log_keys})
  VALUES (${log_time}, 3, ${table_id}, ${new_keys});
END
