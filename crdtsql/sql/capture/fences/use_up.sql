CREATE TRIGGER ${trigger} AFTER ${event} ON ${table}
WHEN EXISTS (SELECT 1 FROM _crdt_token)
  AND NOT EXISTS (SELECT 1 FROM _crdt_quiet)
BEGIN
  DELETE FROM _crdt_token
  WHERE token IN (SELECT claim.token FROM _crdt_claimed AS claim WHERE claim.resource IN (${resources}));
END
