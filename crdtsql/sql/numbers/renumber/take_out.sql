INSERT INTO temp._crdt_out (${keys})
SELECT ${key_columns}
FROM ${table} AS target
WHERE target.${column} IN (SELECT old FROM temp._crdt_moved) ${condition}
