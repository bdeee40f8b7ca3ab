SELECT count(*)
-- A row that is shown here is no fresh one.
FROM ${arrived} AS arrived
CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = arrived.id
CROSS JOIN ${table} AS shown ON ${shown_is_incoming}
WHERE NOT arrived.fresh
  AND incoming.gone IS NULL
  AND CASE ${differs} ELSE 0 END
