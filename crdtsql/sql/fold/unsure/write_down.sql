INSERT INTO ${clock} (${keys}, t, s ${stamps})
-- Rows without a clock row whose first event since is no insert: all their cells become older than any write, newer than the genesis.
SELECT ${event_keys}, min(event.hlc) - :offset, event.s ${nulls}
FROM temp._crdt_event AS event
WHERE event.tbl = :tbl AND NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE ${clock_is_event})
GROUP BY ${grouping}
HAVING min(event.hlc) < ifnull(min(CASE WHEN event.op = 1 THEN event.hlc END), max(event.hlc) + 1)
  AND max(event.op <> 3)
