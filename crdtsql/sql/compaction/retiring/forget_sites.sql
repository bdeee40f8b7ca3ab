DELETE FROM _crdt_site
WHERE ordinal IN (SELECT value FROM json_each(:sites))
