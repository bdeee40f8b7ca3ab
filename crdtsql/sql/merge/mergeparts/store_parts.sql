INSERT INTO ${parts} (${keys}, col, part, s, t, gone, v, n)
-- What whole writes imply is not stored, nor a cell of which one whole write says all.
SELECT ${cell_keys}, :col, part.part, part.s, part.t, part.gone, part.v, part.n
FROM temp._crdt_incoming_cell AS cell
JOIN temp._crdt_part AS part ON part.id = cell.id
WHERE cell.id NOT IN (SELECT id FROM temp._crdt_alone)
  AND NOT (cell.narrow AND part.part = '')
  AND EXISTS (
    SELECT 1 FROM temp._crdt_part AS said
    WHERE said.id = part.id AND said.part = part.part AND (said.mine = 1 OR said.theirs = 1)
  )
ORDER BY ${cell_keys}, part.part, part.s
