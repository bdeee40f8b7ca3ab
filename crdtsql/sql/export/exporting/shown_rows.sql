INSERT INTO ${image}.${row_table} (${keys}, t, s, dot_t, dot_s, gone, many, ${words} ${cell_columns})
SELECT
  ${user_keys},
  clock.t,
  clock.s,
  clock.dot_t,
  clock.dot_s,
  NULL,
  clock.many,
  ${masks}
  ${cells}
FROM ${clock} AS clock
CROSS JOIN ${table} AS shown ON ${shown_is_clock}
LEFT JOIN temp._crdt_receiver AS row_site ON row_site.ordinal = clock.s
WHERE ${scope}
  AND clock.gone IS NULL
  AND clock.held IS NULL
  AND ${head_is_new}
