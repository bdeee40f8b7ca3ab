INSERT INTO ${parts} (${keys}, col, part, s, t, v)
SELECT ${cell_keys}, :col, '+', write.s, write.hlc, write.added
FROM temp._crdt_write AS write
JOIN temp._crdt_cell AS cell ON cell.id = write.id
WHERE write.counts AND ${which}
ON CONFLICT DO UPDATE SET
  v = CASE
    WHEN typeof(v) = 'integer' AND typeof(excluded.v) = 'integer'
      AND v BETWEEN -2305843009213693952 AND 2305843009213693952
      AND excluded.v BETWEEN -2305843009213693952 AND 2305843009213693952
    THEN v + excluded.v
    ELSE _crdt_add(v, excluded.v, :real)
  END,
  t = excluded.t
