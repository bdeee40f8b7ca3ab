INSERT INTO temp._crdt_part (id, part, s, t, theirs)
SELECT id, '', mine_s, mine_t, 1
FROM temp._crdt_incoming_cell
WHERE settled AND NOT mine_split
