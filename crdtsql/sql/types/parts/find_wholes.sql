INSERT INTO temp._crdt_whole (cell, s, t, value)
SELECT id, s, t, v
FROM temp._crdt_part
WHERE part = '' AND ${whose} AND v IS NOT NULL AND ${which}
