CREATE TRIGGER _crdt_token_delete INSTEAD OF DELETE ON crdt_token
WHEN NOT EXISTS (SELECT 1 FROM _crdt_quiet)
BEGIN
  DELETE FROM _crdt_token
  WHERE token = OLD.token;
END
