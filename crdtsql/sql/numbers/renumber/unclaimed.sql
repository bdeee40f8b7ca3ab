EXISTS (
    -- A reference whose writer had not seen the row that has the number, nor inserted it later.
    SELECT 1
    FROM (SELECT ${t} & 4611686018427387903 AS t, ${s} AS s ${source}) AS reference
    WHERE moved.holder_t > 0
      AND reference.s <> moved.holder_s
      AND moved.holder_t > ifnull((
        SELECT max(merged.upto)
        FROM main._crdt_merged AS merged
        WHERE merged.site = reference.s AND merged.peer = moved.holder_s AND merged.at <= reference.t
      ), 0)
  )
