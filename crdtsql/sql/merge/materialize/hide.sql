INSERT INTO ${held} (id, reason, ${held_columns})
SELECT :held_base + met.id, ${reason_deleted}, ${shown_columns}
FROM ${met} AS met
JOIN ${table} AS shown ON ${shown_is_met}
WHERE met.gone = 1 AND met.old_gone IS NULL
