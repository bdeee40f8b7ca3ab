INSERT INTO ${candidate} (id, form, dead, ${columns})
SELECT held.id, 0, held.reason GLOB ${reason_like_deleted}, ${held_columns}
FROM ${held} AS held
WHERE held.id IN (SELECT id FROM ${held} WHERE reason <> ${reason_deleted})
  AND (NOT held.reason GLOB ${reason_like_deleted} OR held.id IN (SELECT id FROM temp._crdt_restored WHERE tbl = ${table_id}))
