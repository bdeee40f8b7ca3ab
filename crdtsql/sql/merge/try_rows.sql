INSERT INTO ${table} (${key_columns}${columns})
SELECT ${tried_columns}
FROM temp._crdt_tried
WHERE rowid <= :last
