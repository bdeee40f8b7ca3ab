UPDATE temp._crdt_part
SET theirs = ifnull(theirs, mine)
WHERE mine AND ${is_settled}
