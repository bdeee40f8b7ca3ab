CREATE VIEW main.crdt_token AS
SELECT token
FROM _crdt_token
