SELECT DISTINCT held.id, CASE WHEN held.reason GLOB ${reason_like_masked} THEN substr(held.reason, 9) END
FROM ${held} AS held
JOIN temp._crdt_event AS event ON ${held_is_event}
WHERE held.reason <> ${reason_deleted}
  AND (held.reason GLOB ${reason_like_masked} OR held.reason = ${reason_restored})
  AND event.tbl = :tbl
