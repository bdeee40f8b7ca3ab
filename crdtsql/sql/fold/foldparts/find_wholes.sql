UPDATE temp._crdt_cell AS cell
-- A value that takes the place of NULL is a whole write.
SET whole = write.hlc, whole_s = write.s, old = write.new
FROM (
  SELECT id, max(hlc) AS hlc, s, new
  FROM temp._crdt_write
  WHERE old IS NULL AND new IS NOT NULL
  GROUP BY id
) AS write
WHERE write.id = cell.id
