INSERT INTO ${out} (${keys})
SELECT ${child_keys}
FROM ${child} AS child
WHERE (${references}) IN (SELECT ${led_values} FROM ${ends} AS ending)
ON CONFLICT DO NOTHING
