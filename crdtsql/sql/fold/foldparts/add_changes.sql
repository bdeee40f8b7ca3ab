INSERT INTO temp._crdt_part (id, part, s, t, gone, v, mine)
SELECT change.id, change.part, :self, cell.updated, change.gone, change.v, 1
FROM temp._crdt_change AS change
JOIN temp._crdt_cell AS cell ON cell.id = change.id
