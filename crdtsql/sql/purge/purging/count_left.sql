SELECT total(held.reason IS ${reason_restored}), total(held.reason IS NOT ${reason_restored} AND ${is_purged})
FROM ${clock} AS clock
LEFT JOIN ${held} AS held ON held.id = clock.held
WHERE clock.gone = 1 AND (ifnull(clock.dot_t, clock.t) & 4611686018427387903) < :before
