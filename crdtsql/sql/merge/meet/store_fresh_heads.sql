INSERT OR IGNORE INTO ${heads} (${keys}, s, t, gone)
SELECT ${head_keys}, origin.local, head.t, head.gone
FROM ${arrived} AS arrived
CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = arrived.id
CROSS JOIN ${image}.${head_table} AS head ON ${head_is_incoming}
JOIN temp._crdt_from AS origin ON origin.remote = head.s
WHERE arrived.fresh AND incoming.many = 1
