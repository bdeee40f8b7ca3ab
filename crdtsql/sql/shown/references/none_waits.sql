NOT EXISTS (
    SELECT 1
    FROM ${parent_held} AS waiting
    WHERE waiting.reason <> ${reason_deleted}
      AND ${waiting_is_child}
      AND (NOT waiting.reason GLOB ${reason_like_deleted} OR waiting.id IN (SELECT id FROM temp._crdt_restored WHERE tbl = ${parent_id}))
  )
