SELECT DISTINCT tbl, col
FROM _crdt_conflict
WHERE took = 'severed' AND resolved = won_t AND resolved_s = won_s
