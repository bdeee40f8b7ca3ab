INSERT INTO ${held} (id, reason, ${held_columns})
SELECT :held_base + incoming.rowid, ${reason}, ${incoming_values}
FROM ${arrived} AS arrived
CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = arrived.id
WHERE arrived.fresh AND ${is_held}
