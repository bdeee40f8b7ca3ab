SELECT ifnull(sum(clock.gone IS NOT NULL), 0), ifnull(sum(clock.gone IS NULL), 0)
FROM ${clock} AS clock
WHERE clock.held IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM ${held} AS held WHERE held.id = clock.held)
