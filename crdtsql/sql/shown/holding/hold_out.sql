INSERT INTO ${held} (reason, ${held_columns})
SELECT :reason, ${shown_columns}
FROM ${out} AS out
CROSS JOIN ${table} AS shown ON ${shown_is_out}
