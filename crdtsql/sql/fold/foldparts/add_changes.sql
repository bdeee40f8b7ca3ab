INSERT INTO temp._crdt_part (id, part, s, t, gone, v, mine)
SELECT change.id, change.part, write.s, write.hlc, change.gone, change.v, 1
FROM temp._crdt_change AS change
JOIN temp._crdt_write AS write ON write.id = change.id AND write.i = change.i
