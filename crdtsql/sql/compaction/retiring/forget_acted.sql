DELETE FROM _crdt_attribution
WHERE site IN (SELECT value FROM json_each(:sites))
