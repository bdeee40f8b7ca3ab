CREATE TRIGGER ${trigger} AFTER UPDATE ON ${table}
WHEN ${any_key_null}
BEGIN
  SELECT RAISE(ABORT, ${message});
END
