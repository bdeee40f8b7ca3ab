INSERT INTO ${parts} (${keys}, col, part, s, t, v)
SELECT
  ${cell_keys},
  :col,
  '',
  CASE WHEN cell.whole IS NULL THEN cell.before_s ELSE cell.whole_s END,
  ifnull(cell.whole, cell.before_t),
  ifnull(CASE WHEN ${was_updated} THEN cell.old ELSE cell.now END, 0)
FROM temp._crdt_cell AS cell
WHERE NOT EXISTS (SELECT 1 FROM ${parts} AS base WHERE ${base_is_cell} AND base.col = :col AND base.part = '')
  AND (
    EXISTS (SELECT 1 FROM temp._crdt_write AS write WHERE write.id = cell.id AND write.counts AND write.hlc > ifnull(cell.whole, 0))
    OR EXISTS (SELECT 1 FROM ${parts} AS total WHERE ${total_is_cell} AND total.col = :col AND total.part >= '+' AND total.part < ',')
  )
