UPDATE ${held} AS held
-- A counter to which sites have added has parts, which say 0 now.
SET ${value} = :zero
FROM temp._crdt_purge AS purge
JOIN ${clock} AS clock ON ${clock_is_purge}
WHERE purge.tbl = :tbl
  AND held.id = clock.held
  AND EXISTS (SELECT 1 FROM ${parts} AS total WHERE ${total_is_purge} AND total.col = :col AND total.part >= '+' AND total.part < ',')
