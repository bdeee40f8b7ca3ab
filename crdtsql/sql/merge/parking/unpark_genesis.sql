INSERT INTO ${clock} (${keys}, t, s, seq)
-- A row of the genesis has no clock row, which would say that nobody ever wrote the column.
SELECT ${parked_keys}, :genesis_t, :genesis_s, :seq
FROM ${parked} AS parked
WHERE parked.col = :col
  AND EXISTS (SELECT 1 FROM ${table} AS shown WHERE ${shown_is_parked})
  AND NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE ${clock_is_parked})
