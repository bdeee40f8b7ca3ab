SELECT ${values}
FROM ${clock} AS clock
JOIN ${held} AS held ON held.id = clock.held
WHERE ${clock_is_row}
