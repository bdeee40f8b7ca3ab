INSERT INTO temp._crdt_alone (id, value)
SELECT id, max(v) FILTER (WHERE part = '')
FROM temp._crdt_part
GROUP BY id
HAVING count(*) FILTER (WHERE part = '') = 1 AND NOT max(part <> '' AND (mine IS 1 OR theirs IS 1))
