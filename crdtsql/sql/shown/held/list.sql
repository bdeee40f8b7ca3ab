SELECT held.reason, ifnull(clock.dot_t, clock.t), ifnull(clock.dot_s, clock.s), ${columns}
FROM ${held} AS held
LEFT JOIN ${clock} AS clock ON ${clock_is_held} AND clock.held = held.id
WHERE ${scope}
ORDER BY ${keys}
