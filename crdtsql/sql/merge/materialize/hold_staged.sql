INSERT INTO ${held} (id, reason, ${staged_columns})
SELECT :held_base + staged.id, ${reason_waiting}, ${staged_columns}
FROM ${staged} AS staged
WHERE NOT EXISTS (SELECT 1 FROM ${table} AS shown WHERE ${shown_is_staged})
