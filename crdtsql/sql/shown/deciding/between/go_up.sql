INSERT INTO ${above_parent} (${keys}, depth)
SELECT DISTINCT ${parent_keys}, :depth + 1
FROM ${above} AS above
CROSS JOIN ${child} AS child ON ${child_is_above}
CROSS JOIN ${parent} AS parent ON ${parent_is_child}
WHERE above.depth = :depth
ON CONFLICT DO NOTHING
