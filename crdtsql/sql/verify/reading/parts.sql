SELECT part.col, part.part, part.t, part.s, part.gone, part.n, ${columns}
FROM ${parts} AS part
JOIN ${clock} AS clock ON ${clock_is_part}
LEFT JOIN ${table} AS shown ON ${shown_is_clock}
LEFT JOIN ${held} AS held ON held.id = clock.held
WHERE part.col IN (${wanted})
  AND ${scope}
