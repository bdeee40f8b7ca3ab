INSERT INTO temp._crdt_dirty (tbl, ${keys})
SELECT ${table_id}, ${incoming_keys}
FROM ${arrived} AS arrived
CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = arrived.id
