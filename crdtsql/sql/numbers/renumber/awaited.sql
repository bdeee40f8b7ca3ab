EXISTS (
    -- A reference that was written before its row, and whose writer had not seen the row that has the number.
    SELECT 1
    FROM (SELECT ${t} & 4611686018427387903 AS t, ${s} AS s, ${settled} AS settled ${source}) AS reference
    WHERE NOT reference.settled
      AND reference.s = moved.born_s
      AND reference.t < moved.born_t
      AND CASE
        -- Of the genesis: unknown to who inserted the row, or it would not be one that moves.
        WHEN moved.holder_t < 0 THEN 1
        WHEN moved.holder_s = reference.s THEN moved.holder_t > moved.born_t
        ELSE moved.holder_t > ${seen_of_it}
      END
  )
