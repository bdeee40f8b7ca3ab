INSERT INTO ${parts} (${keys}, col, part, s, t, v)
-- A site goes on with a total of its own that nobody can have forgotten yet; else it begins another one (decision 0041).
SELECT
  ${cell_keys},
  :col,
  coalesce(
    (
      SELECT total.part
      FROM ${parts} AS total
      WHERE ${total_is_cell} AND total.col = :col AND total.part >= '+' AND total.part < ',' AND total.s = write.s AND total.t > :closed
      ORDER BY total.t DESC
      LIMIT 1
    ),
    CASE WHEN :closed THEN '+' || write.first ELSE '+' END
  ),
  write.s,
  write.hlc,
  write.added
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
