INSERT INTO ${table} (${key_columns}${columns})
SELECT ${held_columns}
FROM temp._crdt_met AS met
JOIN ${held} AS held ON held.id = met.old_held
WHERE met.gone IS NULL AND met.old_gone = 1
