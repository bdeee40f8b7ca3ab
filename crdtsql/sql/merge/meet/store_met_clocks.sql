INSERT OR REPLACE INTO ${clock} (${keys}, t, s, dot_t, dot_s, gone, many, held, seq ${stamp_columns})
SELECT
  ${met_keys},
  met.t,
  met.s,
  CASE WHEN met.dot_t = met.t AND met.dot_s = met.s THEN NULL ELSE met.dot_t END,
  CASE WHEN met.dot_t = met.t AND met.dot_s = met.s THEN NULL ELSE met.dot_s END,
  met.gone,
  CASE WHEN met.complex THEN 1 END,
  CASE WHEN met.gone = 1 OR met.old_held IS NOT NULL THEN ifnull(met.old_held, :held_base + met.id) END,
  :seq
  ${stamps}
FROM ${met} AS met
CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = met.id
JOIN temp._crdt_from AS origin ON origin.remote = incoming.s
LEFT JOIN ${clock} AS clock ON ${clock_is_met}
