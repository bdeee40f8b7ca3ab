SELECT ifnull(clock.dot_t, clock.t), ifnull(clock.dot_s, clock.s)
FROM ${held} AS lost
JOIN ${clock} AS clock ON ${clock_is_lost}
WHERE lost.id = :id
UNION ALL
SELECT heads.t, heads.s
FROM ${held} AS lost
JOIN ${heads} AS heads ON ${heads_is_lost}
WHERE lost.id = :id AND heads.gone = 1
