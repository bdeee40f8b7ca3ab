INSERT INTO temp._crdt_part (id, part, s, t, gone, v, n, theirs)
-- What nobody wrote, the default of a column, is the same on both sides: its site means nothing.
SELECT cell.id, part.part, CASE WHEN part.t = -4611686018427387904 THEN :self ELSE origin.local END, part.t, part.gone, part.v, part.n, 1
FROM temp._crdt_incoming_cell AS cell
CROSS JOIN ${image}.${part_table} AS part ON ${part_is_cell} AND part.col = :position
JOIN temp._crdt_from AS origin ON origin.remote = part.s
WHERE cell.theirs_split
ON CONFLICT DO NOTHING
