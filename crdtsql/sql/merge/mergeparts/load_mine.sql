INSERT INTO temp._crdt_part (id, part, s, t, gone, v, n, mine)
SELECT cell.id, part.part, CASE WHEN part.t = -4611686018427387904 THEN :self ELSE part.s END, part.t, part.gone, part.v, part.n, 1
FROM temp._crdt_incoming_cell AS cell
JOIN ${parts} AS part ON ${part_is_cell} AND part.col = :col
WHERE cell.mine_split AND (NOT cell.narrow OR part.part = '')
ON CONFLICT DO UPDATE SET v = excluded.v, mine = 1
