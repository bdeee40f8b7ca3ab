INSERT INTO ${settled} (${keys}, becomes, held)
-- Rows of which all heads say the same and lie below the floor; then all other stamps of the row do too.
SELECT ${keys}, becomes, held
FROM (
  SELECT
    ${clock_keys},
    clock.held,
    CASE
      WHEN clock.gone THEN CASE WHEN ${dead} AND ${has_own_number} THEN 'gone' WHEN ${has_values} THEN 'empty' END
      WHEN clock.held IS NULL THEN CASE WHEN ${rests} THEN 'genesis' WHEN ${is_longer} THEN 'shorter' END
    END AS becomes
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
)
WHERE becomes IS NOT NULL
