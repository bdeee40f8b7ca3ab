UPDATE temp._crdt_cell
SET updated = NULL, first = NULL
WHERE updated < whole
