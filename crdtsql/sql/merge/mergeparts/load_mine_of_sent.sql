INSERT INTO temp._crdt_part (id, part, s, t, gone, v, n, mine)
SELECT cell.id, part.part, part.s, part.t, part.gone, part.v, part.n, 1
FROM temp._crdt_incoming_cell AS cell
JOIN (SELECT DISTINCT id, part FROM temp._crdt_part WHERE part <> '') AS sent ON sent.id = cell.id
CROSS JOIN ${parts} AS part ON ${part_is_cell} AND part.col = :col AND part.part = sent.part
WHERE cell.narrow
ON CONFLICT DO UPDATE SET v = excluded.v, mine = 1
