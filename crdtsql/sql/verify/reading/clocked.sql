SELECT
  clock.t, clock.s, ifnull(clock.dot_t, clock.t), ifnull(clock.dot_s, clock.s), clock.gone, clock.held IS NOT NULL,
  ${row_marker} IS NOT NULL,
  CASE
    WHEN clock.many
      THEN (SELECT json_group_array(json_array(heads.t, heads.s, heads.gone)) FROM ${heads} AS heads WHERE ${heads_is_clock})
  END,
  ${stamps}${columns}
FROM ${clock} AS clock
LEFT JOIN ${table} AS shown ON ${shown_is_clock}
LEFT JOIN ${held} AS held ON held.id = clock.held
WHERE ${scope}
