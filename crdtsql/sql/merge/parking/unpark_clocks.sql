UPDATE ${clock} AS clock
SET ${t} = CASE WHEN parked.t = clock.t AND parked.s = clock.s THEN NULL ELSE parked.t END,
  ${s} = CASE WHEN parked.t = clock.t AND parked.s = clock.s THEN NULL ELSE parked.s END
FROM ${parked} AS parked
WHERE parked.col = :col AND ${clock_is_parked}
