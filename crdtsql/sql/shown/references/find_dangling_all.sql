INSERT INTO ${out} (${keys})
-- All rows, because the values that rows of the parent had before are not known.
SELECT ${child_keys}
FROM ${child} AS child
WHERE ${is_dangling}
ON CONFLICT DO NOTHING
