CREATE VIEW main.crdt_token AS
SELECT token
FROM main._crdt_token
