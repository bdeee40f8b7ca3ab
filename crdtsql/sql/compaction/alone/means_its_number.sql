(
    ${number} IS NULL
    OR EXISTS (
      SELECT 1
      FROM (SELECT ${t} & 4611686018427387903 AS t, ${s} AS s, ${t} = :child_t AND ${s} = :child_s AS settled) AS reference
      CROSS JOIN ${births} AS birth
      WHERE reference.settled
        OR birth.t < 0
        OR birth.s = reference.s
        OR birth.t <= ifnull((
          SELECT max(merged.upto)
          FROM main._crdt_merged AS merged
          WHERE merged.site = reference.s AND merged.peer = birth.s AND merged.at <= reference.t
        ), 0)
    )
  )
