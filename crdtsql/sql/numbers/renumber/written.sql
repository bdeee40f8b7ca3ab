EXISTS (
    SELECT 1
    FROM (SELECT ${t} & 4611686018427387903 AS t, ${s} AS s ${source}) AS reference
    WHERE reference.t = moved.born_t AND reference.s = moved.born_s
  )
