INSERT INTO temp._crdt_part (id, part, s, t, v, theirs)
SELECT split.id, split.part, cell.their_s, cell.their_t, split.v, 1
FROM (${split}) AS split
JOIN temp._crdt_cell AS cell ON cell.id = split.id
WHERE 1
ON CONFLICT DO UPDATE SET theirs = 1
