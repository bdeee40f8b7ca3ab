INSERT INTO ${parts} (${keys}, col, part, s, t, gone, v)
SELECT ${cell_keys}, :col, change.part, :self, cell.updated, change.gone, change.v
FROM temp._crdt_change AS change
JOIN temp._crdt_cell AS cell ON cell.id = change.id
