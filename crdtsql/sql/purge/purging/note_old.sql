INSERT INTO temp._crdt_purge (tbl, ${keys})
SELECT :tbl, ${clock_keys}
FROM ${clock} AS clock
LEFT JOIN ${held} AS held ON held.id = clock.held
WHERE clock.gone = 1
  AND (ifnull(clock.dot_t, clock.t) & 4611686018427387903) < :before
  AND held.reason IS NOT ${reason_restored}
  AND NOT ${is_purged}
