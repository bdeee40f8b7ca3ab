INSERT INTO temp._crdt_part (id, part, s, t, v, mine)
-- Cells without parts: what was there before is one whole write.
SELECT id, '', CASE WHEN whole IS NULL THEN before_s ELSE :self END, ifnull(whole, before_t), old, 1
FROM temp._crdt_cell
WHERE updated IS NOT NULL AND id NOT IN (SELECT id FROM temp._crdt_part)
