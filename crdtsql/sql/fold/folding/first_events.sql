SELECT 1
-- Rows without a clock row yet.
FROM ${events_by_row} AS event
LEFT JOIN ${clock} AS clock ON ${clock_is_event}
WHERE clock.t IS NULL
LIMIT 1
