INSERT INTO ${out} (${keys})
SELECT ${key_columns}
FROM ${table}
WHERE (${expressions}) IN (SELECT ${terms} FROM ${claims} AS crdt_claim WHERE crdt_claim.number = :number)
  AND ${condition}
ON CONFLICT DO NOTHING
