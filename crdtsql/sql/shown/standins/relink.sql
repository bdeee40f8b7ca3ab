UPDATE ${clock} AS clock
SET held = held.id
FROM ${held} AS held
WHERE held.id = :id AND ${clock_is_held} AND clock.gone IS NULL
