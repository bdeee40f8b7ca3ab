UPDATE temp._crdt_incoming_cell AS cell
-- Both sides have all that is below the floor. Of what either may have forgotten, each has what it has kept: the same, said otherwise.
SET settled = 1
WHERE cell.mine_t IS NOT NULL
  AND EXISTS (SELECT 1 FROM temp._crdt_part AS whole WHERE whole.id = cell.id AND whole.part = '')
  AND NOT EXISTS (
    SELECT 1
    FROM temp._crdt_part AS whole
    LEFT JOIN temp._crdt_forgotten AS forgotten ON forgotten.ordinal = whole.s
    WHERE whole.id = cell.id
      AND whole.part = ''
      AND (whole.t = -4611686018427387904 OR (whole.t & 4611686018427387903) > ifnull(forgotten.upto, 0))
  )
  AND NOT CASE
    WHEN cell.mine_split THEN ${split}
    ELSE
      cell.mine_t = -4611686018427387904
      OR (cell.mine_t & 4611686018427387903) > ifnull((SELECT upto FROM temp._crdt_forgotten WHERE ordinal = cell.mine_s), 0)
  END
