SELECT part.v
FROM ${parts} AS part
WHERE ${part_is_row}
  AND part.col = ?
  AND ((part.part = ? AND part.s = ?) OR part.part = ?)
-- What a base had seen may be later than the last that was added itself.
ORDER BY ifnull(part.n, part.t) DESC
LIMIT 1
