UPDATE ${held} AS target
SET ${value} = (SELECT value FROM temp._crdt_refused AS refused WHERE ${refused_is_target} AND refused.col = :col)
WHERE id IN (
  SELECT clock.held
  FROM temp._crdt_refused AS refused
  CROSS JOIN ${clock} AS clock ON ${clock_is_refused}
  WHERE refused.col = :col
)
