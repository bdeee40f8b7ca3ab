SELECT met.id
FROM ${met} AS met
CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = met.id
LEFT JOIN ${table} AS shown ON ${shown_is_met}
LEFT JOIN ${held} AS held ON held.id = met.old_held
WHERE (met.${clash} >> ${bit}) & 1
  AND ${mine} IS NOT incoming.${value}
