CREATE TRIGGER ${trigger} BEFORE INSERT ON ${table}
WHEN EXISTS (SELECT 1 FROM ${table} AS crdt_row WHERE crdt_row.${key_column} = NEW.${key_column})
  AND NOT EXISTS (SELECT 1 FROM ${clock} AS crdt_clock WHERE crdt_clock.k1 = NEW.${key_column})
BEGIN
  -- REPLACE over a row that has no clock row yet; without this it would look like the first row of its number.
  INSERT INTO _crdt_log (at, op, tbl, ${log_keys})
  VALUES (julianday('now'), 3, ${table_id}, ${new_keys});
END
