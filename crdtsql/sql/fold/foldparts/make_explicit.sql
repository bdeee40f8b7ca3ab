INSERT OR IGNORE INTO ${parts} (${keys}, col, part, s, t, v)
SELECT ${cell_keys}, :col, '', part.s, part.t, part.v
FROM temp._crdt_part AS part
JOIN temp._crdt_cell AS cell ON cell.id = part.id
WHERE part.part = '' AND part.id IN (SELECT id FROM temp._crdt_change)
