SELECT 1
FROM temp._crdt_incoming_cell AS cell
WHERE EXISTS (SELECT 1 FROM ${parts} AS part WHERE ${part_is_cell} AND part.col = :col)
  AND NOT EXISTS (SELECT 1 FROM ${parts} AS part WHERE ${part_is_cell} AND part.col = :col AND part.part = '')
LIMIT 1
