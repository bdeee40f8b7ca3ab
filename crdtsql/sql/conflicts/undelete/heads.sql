SELECT ifnull(dot_t, t), ifnull(dot_s, s)
FROM ${clock}
WHERE held = :held
UNION ALL
SELECT head.t, head.s
FROM ${clock} AS clock
JOIN ${heads} AS head ON ${head_is_clock}
WHERE clock.held = :held
