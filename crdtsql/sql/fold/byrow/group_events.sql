SELECT
        ${event_keys},
        max(CASE WHEN op = 1 THEN hlc END) AS inserted,
        ${removals}
        ${latest_updates}
      FROM temp._crdt_event AS event
      WHERE tbl = :tbl
      GROUP BY ${grouping}
