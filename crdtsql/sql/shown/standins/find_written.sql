SELECT DISTINCT held.id, CASE WHEN held.reason GLOB ${reason_like_masked} THEN substr(held.reason, 9) END
FROM (
  -- Stand-ins alone: each half is a range of the index of reasons, and most held rows are none.
  SELECT id FROM ${held} WHERE reason <> ${reason_deleted} AND reason = ${reason_restored}
  UNION ALL
  SELECT id FROM ${held} WHERE reason <> ${reason_deleted} AND reason GLOB ${reason_like_masked}
) AS stand_in
CROSS JOIN ${held} AS held ON held.id = stand_in.id
JOIN temp._crdt_event AS event ON ${held_is_event}
WHERE event.tbl = :tbl
