INSERT INTO ${staged} (id, ${staged_columns})
SELECT met.id, ${values}
FROM ${met} AS met
CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = met.id
JOIN ${table} AS target ON ${target_is_met}
WHERE met.gone IS NULL
  AND met.old_gone IS NULL
  AND (${changed})
  AND ${differs}
