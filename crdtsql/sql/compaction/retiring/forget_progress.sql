DELETE FROM _crdt_progress
WHERE site IN (SELECT value FROM json_each(:sites))
