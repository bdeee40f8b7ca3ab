DELETE FROM _crdt_conflict AS entry
-- What was logged while the rows were kept, and once more when they were merged into their table.
WHERE entry.tbl = :tbl
  AND entry.id > :last
  AND EXISTS (
    SELECT 1
    FROM _crdt_conflict AS other
    WHERE other.tbl = entry.tbl
      AND other.id <= :last
      AND other.col = entry.col
      AND other.part = entry.part
      AND other.won_t = entry.won_t
      AND other.won_s = entry.won_s
      AND other.lost_t = entry.lost_t
      AND other.lost_s = entry.lost_s
      AND ${same_keys}
  )
