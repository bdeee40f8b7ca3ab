INSERT INTO ${out} (${keys})
SELECT ${child_keys}
FROM ${child} AS child
WHERE (${references}) IN (
  SELECT ${lost_values} FROM ${parent_held} AS lost WHERE lost.id IN (SELECT value FROM json_each(:held))
)
ON CONFLICT DO NOTHING
