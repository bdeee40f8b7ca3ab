UPDATE temp._crdt_event
SET op = 1, detail = NULL, old = NULL, new = NULL
WHERE seq = ?
