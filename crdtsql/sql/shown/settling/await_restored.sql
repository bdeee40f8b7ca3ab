UPDATE ${held}
SET reason = 'deleted, waiting'
WHERE id IN (SELECT id FROM temp._crdt_restored WHERE tbl = ${table_id})
