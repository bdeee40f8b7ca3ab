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
      SELECT 1
      FROM _crdt_conflict AS entry
      WHERE entry.tbl = :tbl
        AND ${entry_is_clock}
        AND (
          entry.resolved IS NULL
          -- Noted, to be opened if the row that a reference led to is shown again.
          OR (entry.took = 'severed' AND entry.resolved = entry.won_t AND entry.resolved_s = entry.won_s AND clock.gone IS NULL)
        )
    )
)
WHERE becomes IS NOT NULL
