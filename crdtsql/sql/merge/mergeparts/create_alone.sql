CREATE TEMP TABLE _crdt_alone AS
-- Cells of which a whole write is all that is left: id of the cell, and the value that was written.
SELECT id, max(v) FILTER (WHERE part = '') AS value
FROM temp._crdt_part
GROUP BY id
HAVING count(*) FILTER (WHERE part = '') = 1 AND NOT max(part <> '' AND (mine IS 1 OR theirs IS 1))
