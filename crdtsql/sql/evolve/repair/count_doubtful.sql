SELECT count(*)
FROM ${table} AS shown
LEFT JOIN ${clock} AS clock ON ${shown_is_clock}
WHERE clock.t IS NOT NULL OR NOT :without_genesis
