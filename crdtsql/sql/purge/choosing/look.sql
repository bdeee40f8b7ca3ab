SELECT held.reason IS ${reason_restored}, ${is_purged}, ${keys}
FROM ${clock} AS clock
LEFT JOIN ${held} AS held ON held.id = clock.held
WHERE clock.gone = 1
  AND (:before IS NULL OR (ifnull(clock.dot_t, clock.t) & 4611686018427387903) < :before)
  AND ${within}
ORDER BY ${keys}
LIMIT :limit
