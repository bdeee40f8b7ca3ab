INSERT INTO ${parts} (${keys}, col, part, s, t, gone, v)
SELECT ${cell_keys}, :col, change.part, write.s, write.hlc, change.gone, change.v
FROM temp._crdt_change AS change
JOIN temp._crdt_cell AS cell ON cell.id = change.id
JOIN temp._crdt_write AS write ON write.id = change.id AND write.i = change.i
