SELECT part.t
FROM ${parts} AS part
WHERE ${part_is_row}
  AND part.col = ?
  AND part.part = ''
ORDER BY part.t
LIMIT 1
