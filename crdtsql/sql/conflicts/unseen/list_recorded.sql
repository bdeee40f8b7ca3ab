SELECT DISTINCT entry.won_t, entry.won_s, field.uid
FROM _crdt_conflict AS entry
JOIN _crdt_column AS field ON field.tbl = entry.tbl AND field.id = entry.col
WHERE entry.id > :last
