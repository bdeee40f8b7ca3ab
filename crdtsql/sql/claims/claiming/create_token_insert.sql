CREATE TRIGGER _crdt_token_insert INSTEAD OF INSERT ON crdt_token
WHEN NOT EXISTS (SELECT 1 FROM _crdt_quiet)
BEGIN
  SELECT RAISE(ABORT, 'crdtsql: this is the token of no claim that is held here any more: nothing was written; claim it anew')
  WHERE NOT EXISTS (
    SELECT 1
    FROM _crdt_claimed AS claim
    WHERE claim.token = CAST(NEW.token AS INTEGER)
      AND claim.state = 'held'
      AND claim.site = (SELECT value FROM _crdt_meta WHERE name = 'self')
  );
  DELETE FROM _crdt_token
  WHERE at_ms < ${now_ms} - 60000;
  INSERT OR REPLACE INTO _crdt_token (token, at_ms)
  VALUES (CAST(NEW.token AS INTEGER), ${now_ms});
END
