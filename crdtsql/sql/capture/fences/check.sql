CREATE TRIGGER ${trigger} BEFORE ${event} ON ${table}
WHEN (${is_refused})
  AND NOT EXISTS (SELECT 1 FROM _crdt_quiet)
BEGIN
  SELECT RAISE(ABORT, ${message});
END
