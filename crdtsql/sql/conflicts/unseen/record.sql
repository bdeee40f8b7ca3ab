INSERT INTO _crdt_conflict (id, tbl, col, won_t, won_s, won, lost_t, lost_s, lost, took, ${keys})
SELECT :last_conflict + row_number() OVER (), :tbl, :col, won_t, ${site_of_won}, won, lost_t, lost_s, lost, 'theirs', ${keys}
FROM (
  SELECT
    ${keys},
    won_t,
    lost_t,
    lost_s,
    lost,
    -- What was written, or what a delete of the same log kept of it.
    CASE WHEN is_shown THEN shown ELSE (SELECT removed.${value} FROM ${held} AS removed WHERE removed.id = removal) END AS won
  FROM (
    SELECT
      ${clock_keys},
      max(CASE WHEN event.op = 1 OR (event.op = :op AND (event.detail >> :bit) & 1) THEN event.hlc END) AS won_t,
      max(CASE WHEN event.op IN (2, 3) THEN event.detail END) AS removal,
      shown.${row_marker} IS NOT NULL AS is_shown,
      shown.${column} AS shown,
      ${lost_t} AS lost_t,
      ${lost_s} AS lost_s,
      held.${value} AS lost
    FROM temp._crdt_event AS event
    CROSS JOIN ${clock} AS clock ON ${clock_is_event}
    CROSS JOIN ${held} AS held ON held.id = clock.held
    LEFT JOIN ${table} AS shown ON ${shown_is_clock}
    WHERE event.tbl = :tbl
      AND held.id NOT IN (SELECT value FROM json_each(:others))
      AND CASE
        WHEN held.reason GLOB ${reason_like_masked} THEN EXISTS (SELECT 1 FROM json_each(substr(held.reason, 9)) WHERE value = :name)
        WHEN :numbered OR held.reason = ${reason_restored} THEN 0
        -- Of a deleted row, what a write left that the deletes had not seen.
        WHEN held.reason = ${reason_deleted} THEN EXISTS (SELECT 1 FROM ${heads} AS head WHERE ${head_is_clock} AND head.gone IS NULL)
        ELSE 1
      END
    GROUP BY held.id
  )
)
WHERE won_t IS NOT NULL
  AND (lost COLLATE BINARY IS NOT won OR typeof(lost) <> typeof(won))
