INSERT INTO ${parts} (${keys}, col, part, s, t, v)
SELECT
  ${cell_keys},
  :col,
  '',
  CASE WHEN cell.whole IS NULL THEN cell.before_s ELSE :self END,
  ifnull(cell.whole, cell.before_t),
  ifnull(CASE WHEN cell.updated IS NULL THEN cell.now ELSE cell.old END, 0)
FROM temp._crdt_cell AS cell
WHERE NOT EXISTS (SELECT 1 FROM ${parts} AS base WHERE ${base_is_cell} AND base.col = :col AND base.part = '')
  AND (
    cell.updated IS NOT NULL
    OR EXISTS (SELECT 1 FROM ${parts} AS total WHERE ${total_is_cell} AND total.col = :col AND total.part = '+')
  )
