CREATE TRIGGER ${trigger} AFTER INSERT ON ${table}
WHEN (${any_key_null})
  AND NOT EXISTS (SELECT 1 FROM _crdt_quiet)
BEGIN
  SELECT RAISE(ABORT, ${message});
END
