SELECT ${keys}, clock.gone AS gone, ifnull(clock.dot_s, clock.s) AS site
FROM ${before} AS before
JOIN ${clock} AS clock ON ${clock_is_before}
LEFT JOIN ${held} AS held ON held.id = clock.held
WHERE (clock.gone = 1 OR clock.held IS NOT NULL)
  AND (
    held.reason IS NULL
    OR (
      held.reason <> ${reason_restored}
      AND held.reason NOT GLOB ${reason_like_masked}
      -- Another row is shown in its place.
      AND held.reason NOT GLOB ${reason_like_unique}
      AND held.reason NOT GLOB ${reason_like_united}
    )
  )
  AND NOT EXISTS (SELECT 1 FROM ${table} AS shown WHERE ${shown_is_before})
