UPDATE temp._crdt_incoming_cell AS cell
-- Both sides have the same whole writes, and knew them of each other: what was not sent stays as it is.
SET narrow = 1
WHERE theirs_split AND mine_split
  AND octet_length(mine) >= :large
  AND NOT EXISTS (
    SELECT 1
    FROM temp._crdt_part AS whole
    LEFT JOIN temp._crdt_from AS origin ON origin.local = whole.s
    LEFT JOIN ${parts} AS part ON ${part_is_cell} AND part.col = :col AND part.part = '' AND part.s = whole.s AND part.t = whole.t
    WHERE whole.id = cell.id
      AND whole.part = ''
      AND (whole.v IS NOT NULL OR part.part IS NULL OR (whole.t & 4611686018427387903) > ifnull(origin.seen, 0))
  )
  AND NOT EXISTS (
    SELECT 1
    FROM ${parts} AS part
    WHERE ${part_is_cell} AND part.col = :col AND part.part = ''
      AND NOT EXISTS (SELECT 1 FROM temp._crdt_part AS whole WHERE whole.id = cell.id AND whole.part = '' AND whole.s = part.s AND whole.t = part.t)
  )
