CREATE TRIGGER ${trigger} AFTER INSERT ON ${table}
WHEN ${any_key_null}
BEGIN
  SELECT RAISE(ABORT, ${message});
END
