UPDATE _crdt_attribution
SET actor = :forgotten, session = NULL, note = NULL
WHERE actor = :actor
