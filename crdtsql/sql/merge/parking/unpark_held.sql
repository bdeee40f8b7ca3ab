UPDATE ${held} AS held
SET ${value} = parked.v
FROM ${clock} AS clock
JOIN ${parked} AS parked ON ${clock_is_parked} AND parked.col = :col
WHERE held.id = clock.held
