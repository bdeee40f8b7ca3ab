INSERT INTO temp._crdt_cell (id, ${keys}, whole, whole_s, held, shown, now, before_t, before_s)
SELECT
  event.id,
  ${event_keys},
  event.inserted,
  ${site_of_whole},
  held.id,
  shown.${row_marker} IS NOT NULL,
  CASE WHEN shown.${row_marker} IS NOT NULL THEN shown.${column} ELSE held.${held_value} END,
  ${stamp_t},
  ${stamp_s}
FROM temp._crdt_row AS event
LEFT JOIN ${table} AS shown ON ${shown_is_event}
LEFT JOIN ${clock} AS clock ON ${clock_is_event}
-- The truth of a row that is shown otherwise, or waits; or what a delete kept.
LEFT JOIN ${held_table} AS held ON held.id = CASE WHEN shown.${row_marker} IS NOT NULL THEN clock.held ELSE ifnull(event.held, clock.held) END
WHERE ${updated}
  OR (event.inserted IS NOT NULL AND EXISTS (SELECT 1 FROM ${parts} AS part WHERE ${part_is_event} AND part.col = :col))
