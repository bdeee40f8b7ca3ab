INSERT INTO ${above} (${keys}, depth)
SELECT DISTINCT ${parent_keys}, 0
FROM ${candidate} AS child
CROSS JOIN ${parent} AS parent ON ${parent_is_child}
WHERE true
ON CONFLICT DO NOTHING
