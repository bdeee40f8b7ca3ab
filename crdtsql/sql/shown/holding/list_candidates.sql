INSERT INTO temp._crdt_candidate (id, dead, ${keys}${value_columns})
SELECT held.id, held.reason GLOB ${reason_like_deleted}, ${held_columns}
FROM ${held} AS held
WHERE held.id IN (SELECT id FROM ${held} WHERE reason <> ${reason_deleted})
  AND (NOT held.reason GLOB ${reason_like_deleted} OR held.id IN (SELECT id FROM temp._crdt_restored WHERE tbl = ${table_id}))
