SELECT DISTINCT purge.t, purge.s, ${keys}
FROM temp._crdt_purge AS purge
JOIN ${clock} AS clock ON ${clock_is_purge}
WHERE purge.tbl = :tbl
