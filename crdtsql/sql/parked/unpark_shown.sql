UPDATE ${table} AS shown
SET ${column} = parked.v
FROM ${parked} AS parked
WHERE parked.col = :col
  AND ${shown_is_parked}
