SELECT 1
FROM ${table} AS target
WHERE target.${column} IN (SELECT old FROM temp._crdt_moved) ${condition}
LIMIT 1
