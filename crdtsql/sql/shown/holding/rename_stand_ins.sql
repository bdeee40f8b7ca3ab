UPDATE ${held} AS held
SET reason = CASE held.reason WHEN ${reason_restored} THEN ${reason_deleted_waiting} ELSE ${reason_waiting} END
WHERE held.reason <> ${reason_deleted} AND (held.reason = ${reason_restored} OR held.reason GLOB ${reason_like_masked})
