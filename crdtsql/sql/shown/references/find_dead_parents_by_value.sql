SELECT DISTINCT gone.held
-- A value that a live row has leads to that row, shown or not.
FROM (${children}) AS child
CROSS JOIN ${parent_held} AS lost ON ${lost_is_child}
CROSS JOIN ${parent_clock} AS gone ON ${gone_is_lost} AND gone.held = lost.id
WHERE gone.gone = 1
  AND NOT EXISTS (SELECT 1 FROM ${parent} AS alive WHERE ${alive_is_child})
  AND NOT EXISTS (
    SELECT 1
    FROM ${parent_held} AS waiting
    WHERE waiting.reason <> ${reason_deleted} AND NOT waiting.reason GLOB ${reason_like_deleted}
      AND ${waiting_is_child}
  )
