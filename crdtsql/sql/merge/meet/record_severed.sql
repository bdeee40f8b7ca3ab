INSERT INTO _crdt_conflict (id, tbl, col, won_t, won_s, won, lost_t, lost_s, lost, took, resolved, resolved_s, ${keys})
SELECT :last_conflict + row_number() OVER (), :tbl, :col, new_t, new_s, theirs, old_t, old_s, mine, 'severed', new_t, new_s, ${keys}
FROM (
  SELECT
    ${met_keys},
    ifnull(incoming.${t}, incoming.t) AS new_t,
    (SELECT local FROM temp._crdt_from WHERE remote = ifnull(incoming.${s}, incoming.s)) AS new_s,
    coalesce(clock.${old_t}, clock.t, met.old_t) AS old_t,
    coalesce(clock.${old_s}, clock.s, met.old_s) AS old_s,
    incoming.${value} AS theirs,
    CASE WHEN shown.${row_marker} IS NULL THEN held.${held_value} ELSE shown.${column} END AS mine
  FROM temp._crdt_met AS met
  CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = met.id
  LEFT JOIN ${clock} AS clock ON ${clock_is_met}
  LEFT JOIN ${table} AS shown ON ${shown_is_met}
  LEFT JOIN ${held} AS held ON held.id = met.old_held
  WHERE (met.${won} >> ${bit}) & 1 AND NOT (met.${clash} >> ${bit}) & 1 AND incoming.${value} IS ${severed}
)
WHERE mine IS NOT NULL AND mine IS NOT theirs
