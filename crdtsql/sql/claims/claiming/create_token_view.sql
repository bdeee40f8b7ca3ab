CREATE VIEW crdt_token AS
SELECT token
FROM _crdt_token
