CREATE VIEW crdt_actor AS
-- As whom writes of now count. INSERT says it, DELETE ends it; both hold for this file, whoever writes, until the next one.
SELECT actor, session, run, note
FROM _crdt_acting
WHERE id = (SELECT max(id) FROM _crdt_acting) AND actor <> ''
