UPDATE ${held} AS held
SET ${settings}
FROM temp._crdt_purge AS purge
JOIN ${clock} AS clock ON ${clock_is_purge}
WHERE purge.tbl = :tbl AND held.id = clock.held
