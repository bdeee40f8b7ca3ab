UPDATE ${on_conflict} ${table} AS target
SET ${settings}
FROM ${met} AS met
CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = met.id
WHERE ${target_is_met}
  AND met.gone IS NULL
  AND met.old_gone IS NULL
  AND (${changed})
  AND ${differs}
