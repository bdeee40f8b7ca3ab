DELETE FROM _crdt_merged
WHERE site IN (SELECT value FROM json_each(:sites)) OR peer IN (SELECT value FROM json_each(:sites))
