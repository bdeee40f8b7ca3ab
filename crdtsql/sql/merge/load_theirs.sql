INSERT INTO temp._crdt_part (id, part, s, t, gone, v, n, theirs)
SELECT cell.id, part.part, origin.local, part.t, part.gone, part.v, part.n, 1
FROM temp._crdt_cell AS cell
CROSS JOIN ${image}.${part_table} AS part ON ${part_is_cell} AND part.col = :position
JOIN temp._crdt_from AS origin ON origin.remote = part.s
WHERE cell.theirs_split
