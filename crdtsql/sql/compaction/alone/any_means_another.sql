SELECT 1
FROM (
  SELECT shown.${column} AS number
  FROM ${table} AS shown
  LEFT JOIN ${clock} AS clock ON ${shown_is_clock}
  WHERE ifnull(${t}, :child_t) = :child_t AND ifnull(${s}, :child_s) = :child_s
  UNION
  SELECT held.${value}
  FROM ${held} AS held
  JOIN ${clock} AS clock ON clock.held = held.id
  WHERE ${t} = :child_t AND ${s} = :child_s
) AS found
WHERE found.number IS NOT NULL
  AND NOT EXISTS (
    SELECT 1
    FROM ${births} AS birth
    WHERE birth.t < 0
      OR birth.s = :child_s
      OR birth.t <= ifnull((
        SELECT max(merged.upto)
        FROM main._crdt_merged AS merged
        WHERE merged.site = :child_s AND merged.peer = birth.s AND merged.at <= (:child_t & 4611686018427387903)
      ), 0)
  )
LIMIT 1
