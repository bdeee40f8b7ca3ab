SELECT 1
-- Rows without a clock row here, or whose first event is another one now: all their stamps are written anew.
FROM ${met} AS met
LEFT JOIN ${clock} AS clock ON ${clock_is_met}
WHERE clock.t IS NOT met.t OR clock.s IS NOT met.s
LIMIT 1
