UPDATE ${clock} AS clock
SET held = held.id
FROM ${held} AS held
WHERE held.id > :base
  AND ${clock_is_held}
