SELECT clock.gone, held.reason, ${keys}
FROM ${clock} AS clock
LEFT JOIN ${held} AS held ON held.id = clock.held
WHERE ${is_row}
