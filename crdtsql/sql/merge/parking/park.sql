INSERT OR REPLACE INTO ${parked} (${keys}, col, v, t, s)
SELECT
  ${clock_keys},
  :col,
  CASE WHEN shown.${row_marker} IS NULL THEN held.${held_value} ELSE shown.${column} END,
  ifnull(clock.${t}, clock.t),
  ifnull(clock.${s}, clock.s)
FROM ${clock} AS clock
LEFT JOIN ${table} AS shown ON ${shown_is_clock} AND clock.held IS NULL
LEFT JOIN ${held} AS held ON held.id = clock.held
WHERE clock.${t} IS NOT -4611686018427387904
