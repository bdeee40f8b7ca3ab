INSERT INTO ${held} (reason, ${keys})
-- Rows that were deleted while no trigger looked; their values are not known any more.
SELECT ${reason_deleted}, ${clock_keys}
FROM ${clock} AS clock
WHERE clock.gone IS NULL
  AND clock.held IS NULL
  AND NOT EXISTS (SELECT 1 FROM ${table} AS shown WHERE ${shown_is_clock})
