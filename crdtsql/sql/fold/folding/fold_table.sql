INSERT OR REPLACE INTO ${clock} (${keys}, t, s, dot_t, dot_s, gone, many, held, seq ${stamp_columns})
SELECT
  ${keys},
  t,
  s,
  CASE WHEN head = t AND s = head_s THEN NULL ELSE head END,
  CASE WHEN head = t AND s = head_s THEN NULL ELSE head_s END,
  CASE WHEN shown THEN NULL ELSE 1 END,
  NULL,
  CASE WHEN shown THEN NULL ELSE held END,
  :seq
  ${stamps}
FROM (
  SELECT
    ${event_keys},
    CASE WHEN shown THEN written ELSE latest END AS head,
    CASE WHEN shown THEN ${site_of_written} ELSE ${site_of_latest} END AS head_s,
    shown,
    event.held AS held,
    coalesce(inserted, clock.t, :genesis_t, written, latest) AS t,
    CASE
      WHEN inserted IS NOT NULL THEN ${site_of_inserted}
      ELSE coalesce(clock.s, :genesis_s, ${site_of_first})
    END AS s,
    coalesce(inserted, CASE WHEN clock.t IS NULL AND :genesis_t IS NULL THEN coalesce(written, latest) END) AS inserted
    ${updates}
    ${old_stamps}
  FROM (
    SELECT
      ${keys},
      inserted,
      written,
      latest,
      held,
      CASE WHEN :look OR removed THEN EXISTS (SELECT 1 FROM ${table} AS shown WHERE ${shown_is_event}) ELSE 1 END AS shown
      ${updates}
    FROM ${events_by_row} AS event
  ) AS event
  LEFT JOIN ${clock} AS clock ON ${clock_is_event}
  -- Without a LIMIT, SQLite would put these expressions wherever a column of them stands, and work them out a dozen times a row.
  LIMIT -1
)
WHERE head IS NOT NULL
