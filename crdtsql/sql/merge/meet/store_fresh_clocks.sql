INSERT INTO ${clock} (${keys}, t, s, dot_t, dot_s, gone, many, held, seq ${stamp_columns})
SELECT
  ${incoming_keys},
  incoming.t,
  origin.local,
  incoming.dot_t,
  CASE WHEN incoming.dot_t IS NOT NULL THEN ifnull((SELECT local FROM temp._crdt_from WHERE remote = incoming.dot_s), origin.local) END,
  incoming.gone,
  incoming.many,
  CASE WHEN incoming.gone = 1 THEN :held_base + incoming.rowid END,
  :seq
  ${stamps}
FROM ${arrived} AS arrived
CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = arrived.id
JOIN temp._crdt_from AS origin ON origin.remote = incoming.s
WHERE arrived.fresh
  AND NOT (:adopted AND incoming.dot_t IS NULL AND incoming.t = :genesis_t AND origin.local = :genesis_s AND incoming.many IS NULL AND ${is_whole})
