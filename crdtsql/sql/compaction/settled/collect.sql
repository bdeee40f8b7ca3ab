INSERT INTO ${settled} (${keys}, dead, held)
-- Rows of which all heads say the same and lie below the floor; then all other stamps of the row do too.
SELECT ${clock_keys}, clock.gone IS NOT NULL, clock.held
FROM ${clock} AS clock
WHERE ${within}
  AND ${is_below}
  AND NOT EXISTS (
    SELECT 1
    FROM ${heads} AS head
    WHERE ${head_is_clock} AND (head.gone IS NOT clock.gone OR NOT ${head_is_below})
  )
  AND NOT EXISTS (
    SELECT 1 FROM _crdt_conflict AS entry WHERE entry.tbl = :tbl AND entry.resolved IS NULL AND ${entry_is_clock}
  )
  AND CASE WHEN clock.gone THEN ${dead} ELSE clock.held IS NULL AND ${live} END
