UPDATE _crdt_conflict AS entry
-- The row that a reference led to is still there, because its delete had not seen something, and the reference was not written since.
SET resolved = NULL, resolved_s = NULL
WHERE entry.tbl = :tbl
  AND entry.col = :col
  AND entry.took = 'severed'
  AND entry.resolved = entry.won_t
  AND entry.resolved_s = entry.won_s
  AND EXISTS (
    SELECT 1
    FROM ${clock} AS clock
    WHERE ${clock_is_entry}
      AND clock.gone IS NULL
      AND ifnull(clock.${t}, clock.t) = entry.won_t
      AND ifnull(clock.${s}, clock.s) = entry.won_s
  )
  AND EXISTS (
    SELECT 1
    FROM (
      SELECT entry.won_t AS t, entry.won_s AS s, ifnull(born.t, :genesis_t) AS born_t, ifnull(born.s, :genesis_s) AS born_s
      FROM ${parent} AS shown
      LEFT JOIN ${parent_clock} AS born ON ${born_is_shown}
      WHERE ${shown_is_lost} AND born.gone IS NULL
    )
    WHERE ${has_seen_born}
  )
