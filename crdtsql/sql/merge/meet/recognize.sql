UPDATE ${arrived}
SET fresh = 0
WHERE id IN (
  SELECT incoming.rowid
  FROM ${image}.${row_table} AS incoming
  CROSS JOIN ${clock} AS clock ON ${clock_is_incoming}
  UNION ALL
  SELECT incoming.rowid
  FROM ${image}.${row_table} AS incoming
  CROSS JOIN ${table} AS shown ON ${shown_is_incoming}
  WHERE :has_genesis
)
