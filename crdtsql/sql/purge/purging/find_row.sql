SELECT clock.gone, held.reason, ${is_purged}, ${keys}
FROM ${clock} AS clock
LEFT JOIN ${held} AS held ON held.id = clock.held
WHERE ${is_row}
