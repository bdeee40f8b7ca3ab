INSERT ${on_conflict} INTO ${table} (${key_columns}${columns})
SELECT ${incoming_values}
FROM ${arrived} AS arrived
CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = arrived.id
WHERE arrived.fresh
  AND incoming.gone IS NULL
  -- Whose key awaits a row is shown under another key, if at all.
  AND NOT (${awaits})
