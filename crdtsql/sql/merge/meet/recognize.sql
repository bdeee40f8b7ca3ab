UPDATE ${arrived}
SET fresh = 0
WHERE id IN (
  SELECT arrived.id
  FROM ${arrived} AS arrived
  CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = arrived.id
  LEFT JOIN ${clock} AS clock ON ${clock_is_incoming}
  WHERE clock.t IS NOT NULL OR (:has_genesis AND EXISTS (SELECT 1 FROM ${table} AS shown WHERE ${shown_is_incoming}))
)
