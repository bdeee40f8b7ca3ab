INSERT INTO temp._crdt_part (id, part, s, t, v, mine)
-- Cells without parts: what was there before is one whole write.
SELECT id, '', CASE WHEN whole IS NULL THEN before_s ELSE whole_s END, ifnull(whole, before_t), old, 1
FROM temp._crdt_cell AS cell
WHERE ${was_updated} AND NOT EXISTS (SELECT 1 FROM ${parts} AS part WHERE ${part_is_cell} AND part.col = :col)
