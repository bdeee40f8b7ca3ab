UPDATE ${clock} AS clock
SET held = NULL
FROM ${held} AS held
WHERE held.id = :id AND ${clock_is_held}
