INSERT INTO temp._crdt_part (id, part, s, t, gone, v, n, mine)
SELECT cell.id, part.part, part.s, part.t, part.gone, part.v, part.n, 1
FROM ${cells} AS cell
JOIN ${parts} AS part ON ${part_is_cell} AND part.col = :col
