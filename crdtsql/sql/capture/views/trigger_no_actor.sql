CREATE TRIGGER ${trigger} INSTEAD OF DELETE ON crdt_actor
WHEN NOT EXISTS (SELECT 1 FROM _crdt_quiet)
BEGIN
  DELETE FROM _crdt_acting WHERE after >= (SELECT ifnull(max(seq), 0) FROM _crdt_log);
  INSERT INTO _crdt_acting (after)
  SELECT (SELECT ifnull(max(seq), 0) FROM _crdt_log)
  WHERE EXISTS (SELECT 1 FROM _crdt_acting);
END
