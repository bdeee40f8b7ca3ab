UPDATE ${held} AS target
SET ${settings}
FROM ${met} AS met
CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = met.id
WHERE target.id = ifnull(met.old_held, :held_base + met.id)
  AND (met.gone = 1 OR met.old_held IS NOT NULL)
