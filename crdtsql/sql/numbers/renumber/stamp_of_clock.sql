FROM (SELECT 1) LEFT JOIN ${clock} AS clock ON ${clock_is_target}
