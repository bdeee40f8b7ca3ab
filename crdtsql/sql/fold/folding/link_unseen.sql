UPDATE ${clock} AS clock
SET held = (SELECT max(id) FROM ${held} WHERE ${clock_is_held})
WHERE gone AND held IS NULL
