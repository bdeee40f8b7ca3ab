UPDATE ${clock} AS clock
-- The event deletes the row once more, and writes all of its cells.
SET dot_t = purge.t, dot_s = purge.s, many = NULL, seq = :seq${stamps}
FROM temp._crdt_purge AS purge
WHERE purge.tbl = :tbl AND ${clock_is_purge}
