INSERT INTO ${parts} (${keys}, col, part, s, t, v)
SELECT
  ${cell_keys},
  :col,
  before.part,
  CASE WHEN cell.whole IS NULL THEN cell.before_s ELSE :self END,
  ifnull(cell.whole, cell.before_t),
  before.v
FROM temp._crdt_before AS before
JOIN temp._crdt_cell AS cell ON cell.id = before.id
WHERE cell.id IN (SELECT id FROM temp._crdt_change)
  AND cell.id NOT IN (SELECT id FROM temp._crdt_part)
