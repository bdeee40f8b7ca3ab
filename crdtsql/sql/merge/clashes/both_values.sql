SELECT
    ${met_keys},
    (met.${won} >> ${bit}) & 1 AS wins,
    ifnull(incoming.${t}, incoming.t) AS new_t,
    (SELECT local FROM temp._crdt_from WHERE remote = ifnull(incoming.${s}, incoming.s)) AS new_s,
    ifnull(clock.${old_t}, met.old_t) AS old_t,
    ifnull(clock.${old_s}, met.old_s) AS old_s,
    incoming.${value} AS theirs,
    ${mine} AS mine
  FROM ${met} AS met
  CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = met.id
  LEFT JOIN ${clock} AS clock ON ${clock_is_met}
  LEFT JOIN ${table} AS shown ON ${shown_is_met}
  LEFT JOIN ${held} AS held ON held.id = met.old_held
