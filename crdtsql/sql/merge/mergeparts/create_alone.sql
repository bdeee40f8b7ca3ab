CREATE TEMP TABLE _crdt_alone AS
SELECT id, max(v) FILTER (WHERE part = '') AS value
FROM temp._crdt_part
GROUP BY id
HAVING count(*) FILTER (WHERE part = '') = 1 AND NOT max(part <> '' AND (mine IS 1 OR theirs IS 1))
