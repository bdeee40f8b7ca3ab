INSERT INTO ${held} (id, reason, ${keys})
-- Deleted rows whose held rows are gone: that they were deleted is known, their values are not.
SELECT clock.held, 'deleted', ${clock_keys}
FROM ${clock} AS clock
WHERE clock.held IS NOT NULL
  AND clock.gone = 1
  AND NOT EXISTS (SELECT 1 FROM ${held} AS held WHERE held.id = clock.held)
