EXISTS (
    -- A reference whose writer had not seen the row that has the number, nor inserted it later.
    SELECT 1
    FROM (SELECT ${t} & 4611686018427387903 AS t, ${s} AS s, ${settled} AS settled ${source}) AS reference
    WHERE NOT reference.settled
      AND moved.holder_t > 0
      AND reference.s <> moved.holder_s
      AND moved.holder_t > ${seen_of_it}
  )
