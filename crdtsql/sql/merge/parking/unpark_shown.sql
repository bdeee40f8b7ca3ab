UPDATE ${on_conflict} ${table} AS shown
SET ${column} = parked.v
FROM ${parked} AS parked
WHERE parked.col = ?1
  AND ${which}
  AND ${shown_is_parked}
