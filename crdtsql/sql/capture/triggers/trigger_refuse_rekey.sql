CREATE TRIGGER ${trigger} AFTER UPDATE ${of_columns} ON ${table}
WHEN (${any_changed})
  AND NOT EXISTS (SELECT 1 FROM _crdt_quiet)
BEGIN
  SELECT RAISE(ABORT, ${message});
END
