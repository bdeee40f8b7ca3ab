INSERT OR REPLACE INTO temp._crdt_part (id, part, s, t, v, mine)
SELECT split.id, split.part, cell.mine_s, cell.mine_t, split.v, 1
FROM (${split}) AS split
JOIN temp._crdt_cell AS cell ON cell.id = split.id
