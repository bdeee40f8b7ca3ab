UPDATE ${clock} AS clock
SET
  dot_t = CASE WHEN event.written = clock.t AND ${site_of_written} = clock.s THEN NULL ELSE event.written END,
  dot_s = CASE WHEN event.written = clock.t AND ${site_of_written} = clock.s THEN NULL ELSE ${site_of_written} END,
  gone = NULL,
  many = NULL,
  held = NULL,
  seq = :seq
  ${stamps}
FROM ${events_by_row} AS event
WHERE ${clock_is_event}
