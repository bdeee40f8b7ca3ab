CREATE TRIGGER ${trigger} BEFORE ${event} ON ${table}
WHEN NOT EXISTS (SELECT 1 FROM _crdt_quiet)
  AND NOT EXISTS (SELECT 1 FROM _crdt_meta WHERE name = 'erasing')
BEGIN
  SELECT RAISE(ABORT, ${message});
END
