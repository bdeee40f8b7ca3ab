CASE
    WHEN step.came IS NULL THEN (
      SELECT nullif(json_group_array(json_array(head.t, lower(hex(head.writer)))), '[]')
      FROM (
        SELECT ifnull(clock.dot_t, clock.t) AS t, writer.id AS writer
        FROM ${clock} AS clock
        JOIN _crdt_site AS writer ON writer.ordinal = ifnull(clock.dot_s, clock.s)
        WHERE ${clock_is_step}
        UNION ALL
        SELECT heads.t, writer.id
        FROM ${heads} AS heads
        JOIN _crdt_site AS writer ON writer.ordinal = heads.s
        WHERE ${heads_is_step}${forgotten}
      ) AS head
      -- Its own site's writes a site has seen in any case.
      WHERE head.writer <> site.id AND head.t > 0
    )
    ELSE (
      SELECT json_array(json_array(came.hlc, lower(hex(writer.id))))
      FROM temp._crdt_step AS came
      JOIN _crdt_site AS writer ON writer.ordinal = came.s
      WHERE came.seq = step.came AND came.s <> step.s
    )
  END