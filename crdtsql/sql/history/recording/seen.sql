CASE
    WHEN step.came IS NULL THEN (
      SELECT nullif(json_group_array(json_array(head.t, lower(hex(writer.id)))), '[]')
      FROM (
        SELECT ifnull(clock.dot_t, clock.t) AS t, ifnull(clock.dot_s, clock.s) AS s
        FROM ${clock} AS clock
        WHERE ${clock_is_step}
        UNION ALL
        SELECT heads.t, heads.s FROM ${heads} AS heads WHERE ${heads_is_step}
      ) AS head
      JOIN _crdt_site AS writer ON writer.ordinal = head.s
      -- Its own site's writes a site has seen in any case.
      WHERE head.s <> step.s AND head.t > 0
    )
    ELSE (
      SELECT json_array(json_array(came.hlc, lower(hex(writer.id))))
      FROM temp._crdt_step AS came
      JOIN _crdt_site AS writer ON writer.ordinal = came.s
      WHERE came.seq = step.came AND came.s <> step.s
    )
  END