INSERT INTO ${image}.${row_table} (${keys}, t, s, dot_t, dot_s, gone, many, ${words} ${cell_columns})
SELECT
  ${held_keys},
  clock.t,
  clock.s,
  clock.dot_t,
  clock.dot_s,
  clock.gone,
  clock.many,
  ${masks}
  ${cells}
FROM ${clock} AS clock
LEFT JOIN ${held} AS shown ON shown.id = clock.held
LEFT JOIN temp._crdt_receiver AS row_site ON row_site.ordinal = clock.s
WHERE ${scope}
  AND (clock.gone = 1 OR clock.held IS NOT NULL)
  AND ${head_is_new}
