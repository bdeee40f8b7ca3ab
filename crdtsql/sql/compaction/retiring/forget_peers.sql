DELETE FROM _crdt_peer
WHERE site IN (SELECT value FROM json_each(:sites)) OR known IN (SELECT value FROM json_each(:sites))
