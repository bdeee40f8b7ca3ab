SELECT count(*), count(shown.${row_marker})
FROM ${clock} AS clock
LEFT JOIN ${table} AS shown ON ${shown_is_clock}
WHERE clock.gone IS NULL AND clock.held IS NULL
