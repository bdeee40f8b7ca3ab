CREATE TEMP TABLE _crdt_whole AS
-- Cells of which all that is left is one whole write that had not been split, and whose it is.
SELECT
  cell.id AS id,
  CASE WHEN min(part.theirs IS 1) AND NOT cell.theirs_split THEN cell.theirs ELSE cell.mine END AS value
FROM temp._crdt_cell AS cell
JOIN temp._crdt_part AS part ON part.id = cell.id
GROUP BY cell.id
HAVING min(part.t) = max(part.t)
  AND min(part.s) = max(part.s)
  AND max(part.part = '')
  AND NOT max(part.part = '+')
  AND count(part.gone) = 0
  AND (
    (min(part.theirs IS 1) AND NOT cell.theirs_split)
    OR (min(part.mine IS 1) AND NOT cell.mine_split)
    OR ${always}
  )
