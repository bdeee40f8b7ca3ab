INSERT INTO _crdt_conflict (id, tbl, col, won_t, won_s, won, lost_t, lost_s, lost, took, ${keys})
SELECT
  :last_conflict + row_number() OVER (),
  :tbl,
  :col,
  CASE WHEN wins THEN new_t ELSE old_t END,
  CASE WHEN wins THEN new_s ELSE old_s END,
  CASE WHEN wins THEN theirs ELSE mine END,
  CASE WHEN wins THEN old_t ELSE new_t END,
  CASE WHEN wins THEN old_s ELSE new_s END,
  CASE WHEN wins THEN mine ELSE theirs END,
  CASE WHEN wins THEN 'theirs' ELSE 'ours' END,
  ${keys}
FROM (
  SELECT
    ${met_keys},
    (met.${won} >> ${bit}) & 1 AS wins,
    ifnull(incoming.${t}, incoming.t) AS new_t,
    (SELECT local FROM temp._crdt_from WHERE remote = ifnull(incoming.${s}, incoming.s)) AS new_s,
    ifnull(clock.${old_t}, met.old_t) AS old_t,
    ifnull(clock.${old_s}, met.old_s) AS old_s,
    incoming.${value} AS theirs,
    CASE WHEN shown.${row_marker} IS NULL THEN held.${held_value} ELSE shown.${column} END AS mine
  FROM temp._crdt_met AS met
  CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = met.id
  LEFT JOIN ${clock} AS clock ON ${clock_is_met}
  LEFT JOIN ${table} AS shown ON ${shown_is_met}
  LEFT JOIN ${held} AS held ON held.id = met.old_held
  WHERE (met.${clash} >> ${bit}) & 1
)
WHERE mine IS NOT theirs
