INSERT INTO ${table} (${columns})
SELECT ${held_columns}
FROM temp._crdt_turned AS turned
JOIN ${held} AS held ON held.id = turned.old_held
WHERE turned.id BETWEEN :first AND :last
ORDER BY turned.id
