SELECT clock.k1
FROM ${clock} AS clock
LEFT JOIN ${born} AS born ON born.k1 = clock.k1
WHERE ifnull(born.born_t, clock.t) < 0 AND ifnull(born.was, clock.k1) = :asked
LIMIT 1
