INSERT INTO ${parts} (${keys}, col, part, s, t, gone, v, n)
SELECT ${cell_keys}, :col, part.part, part.s, part.t, part.gone, part.v, part.n
FROM temp._crdt_cell AS cell
JOIN temp._crdt_part AS part ON part.id = cell.id
WHERE cell.id NOT IN (SELECT id FROM temp._crdt_whole)
ORDER BY ${cell_keys}, part.part, part.s
