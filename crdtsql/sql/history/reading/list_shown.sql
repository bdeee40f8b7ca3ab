SELECT max(ifnull(clock.t, 0), 0)${columns}
FROM ${table} AS shown
LEFT JOIN ${clock} AS clock ON ${clock_is_shown}
WHERE ${where}
