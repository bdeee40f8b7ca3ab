UPDATE ${parked} AS parked
SET v = NULL, t = purge.t, s = purge.s
FROM temp._crdt_purge AS purge
WHERE purge.tbl = :tbl AND ${parked_is_purge}
