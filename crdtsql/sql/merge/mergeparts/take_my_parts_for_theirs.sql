INSERT INTO temp._crdt_part (id, part, s, t, theirs)
SELECT cell.id, '', part.s, part.t, 1
FROM temp._crdt_incoming_cell AS cell
JOIN ${parts} AS part ON ${part_is_cell} AND part.col = :col AND part.part = ''
WHERE cell.settled AND cell.mine_split
