INSERT OR IGNORE INTO temp._crdt_incoming_head (id, s, t, gone, is_new)
SELECT met.id, met.dot_s, met.dot_t, met.gone, (met.dot_t & 4611686018427387903) > origin.seen
FROM ${met} AS met
JOIN temp._crdt_from AS origin ON origin.local = met.dot_s
WHERE met.complex = 1
UNION ALL
SELECT met.id, origin.local, head.t, head.gone, (head.t & 4611686018427387903) > origin.seen
FROM ${met} AS met
CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = met.id
CROSS JOIN ${image}.${head_table} AS head ON ${head_is_incoming}
JOIN temp._crdt_from AS origin ON origin.remote = head.s
WHERE met.complex = 1 AND incoming.many = 1
