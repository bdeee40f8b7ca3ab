SELECT
  EXISTS (
    SELECT 1
    FROM ${held} AS held
    WHERE held.reason <> ${reason_deleted}
      AND NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE ${clock_is_held} AND clock.held = held.id)
  )
  OR EXISTS (
    SELECT 1
    FROM ${heads} AS heads
    WHERE NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE ${clock_is_heads} AND clock.many IS NOT NULL)
  )
