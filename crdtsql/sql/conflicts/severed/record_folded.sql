INSERT INTO _crdt_conflict (id, tbl, col, won_t, won_s, won, lost_t, lost_s, lost, took, resolved, resolved_s, ${keys})
SELECT :last_conflict + row_number() OVER (), :tbl, :col, won_t, ${site_of_won}, won, lost_t, lost_s, lost, 'severed', won_t, ${site_of_won}, ${keys}
FROM (
  SELECT
    ${written_keys},
    written.hlc AS won_t,
    shown.${column} AS won,
    ifnull(written.before, ${lost_t}) AS lost_t,
    CASE WHEN written.before IS NULL THEN ${lost_s} ELSE ${site_of_before} END AS lost_s,
    written.lost AS lost
  FROM (
    SELECT
      ${keys},
      max(hlc) AS hlc,
      max(CASE WHEN seq < severing THEN hlc END) AS before,
      max(CASE WHEN seq = severing THEN old END) AS lost
    FROM (
      SELECT ${keys}, seq, hlc, old, max(CASE WHEN old IS NOT NULL THEN seq END) OVER (PARTITION BY ${grouping}) AS severing
      FROM temp._crdt_event
      WHERE tbl = :tbl AND (op = 1 OR (op = :op AND (detail >> :bit) & 1))
    )
    WHERE severing IS NOT NULL
    GROUP BY ${grouping}
  ) AS written
  JOIN ${table} AS shown ON ${shown_is_written}
  LEFT JOIN ${clock} AS clock ON ${clock_is_written}
  WHERE shown.${column} IS NOT written.lost
    AND written.lost IN (
      SELECT gone.${referenced} COLLATE ${collation}
      FROM temp._crdt_event AS removal
      JOIN ${parent_held} AS gone ON gone.id = removal.detail
      WHERE removal.tbl = :parent AND removal.op IN (2, 3)
    )
)
