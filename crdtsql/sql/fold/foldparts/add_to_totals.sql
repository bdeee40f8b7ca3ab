INSERT INTO ${parts} (${keys}, col, part, s, t, v)
SELECT ${cell_keys}, :col, '+', write.s, max(write.hlc), sum(ifnull(write.new, 0) - ifnull(write.old, 0))
FROM temp._crdt_write AS write
JOIN temp._crdt_cell AS cell ON cell.id = write.id
WHERE write.counts AND ${which}
GROUP BY write.id, write.s
ON CONFLICT DO UPDATE SET v = v + excluded.v, t = excluded.t
