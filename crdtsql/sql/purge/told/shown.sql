SELECT clock.dot_t AS t, clock.dot_s AS s, ${keys}
FROM ${rows} AS one
JOIN ${clock} AS clock ON ${clock_is_row}
WHERE clock.gone = 1 AND (${first_stamps_cells})
UNION
SELECT head.t AS t, head.s AS s, ${keys}
FROM ${rows} AS one
JOIN ${clock} AS clock ON ${clock_is_row}
JOIN ${heads} AS head ON ${head_is_clock}
WHERE clock.many = 1 AND head.gone = 1 AND (${further_stamps_cells})
