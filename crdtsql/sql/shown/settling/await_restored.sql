UPDATE ${held}
SET reason = ${reason_deleted_waiting}
WHERE id IN (SELECT id FROM temp._crdt_restored WHERE tbl = ${table_id})
