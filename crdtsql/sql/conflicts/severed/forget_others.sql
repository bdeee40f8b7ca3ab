DELETE FROM _crdt_conflict AS entry
-- What was noted while a merge wrote NULL to references, but for those whose row was deleted by the same site.
WHERE entry.id > :last
  AND entry.tbl = :tbl
  AND entry.col = :col
  AND entry.took = 'severed'
  AND NOT EXISTS (
    SELECT 1
    FROM ${parent_held} AS kept
    JOIN ${parent_clock} AS gone ON gone.held = kept.id AND ${gone_is_kept}
    WHERE gone.gone = 1 AND ${kept_is_lost}
  )
  AND NOT EXISTS (
    SELECT 1
    FROM ${parent} AS shown
    JOIN ${parent_heads} AS head ON ${head_is_shown}
    WHERE ${shown_is_lost} AND head.gone = 1 AND head.s = entry.won_s
  )
