-- The value may be that of a row that stands for itself; then the reference means that one.
NOT EXISTS (
    SELECT 1
    FROM ${parent_table} AS other
    WHERE ${other_is_truth}
      AND NOT EXISTS (SELECT 1 FROM ${parent_clock} AS clock WHERE ${clock_is_other} AND clock.held IS NOT NULL)
      AND NOT ${stands_elsewhere}
  )
  AND NOT EXISTS (
    SELECT 1
    FROM ${parent_held} AS other
    WHERE other.reason <> ${reason_deleted}
      AND ${held_is_truth}
      AND (NOT other.reason GLOB ${reason_like_deleted} OR other.id IN (SELECT id FROM temp._crdt_restored WHERE tbl = ${parent_id}))
      AND NOT EXISTS (SELECT 1 FROM ${ends} AS ending WHERE ending.id = other.id)
  )
