SELECT count(*)
FROM ${table} AS shown
WHERE NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE ${clock_is_shown})
  AND NOT ${stands_elsewhere}
