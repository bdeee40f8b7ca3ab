SELECT DISTINCT held.id, CASE WHEN held.reason GLOB 'masked: *' THEN substr(held.reason, 9) END
FROM ${held} AS held
JOIN temp._crdt_event AS event ON ${held_is_event}
WHERE held.reason <> 'deleted'
  AND (held.reason GLOB 'masked: *' OR held.reason = 'deleted, shown: referenced')
  AND event.tbl = :tbl
