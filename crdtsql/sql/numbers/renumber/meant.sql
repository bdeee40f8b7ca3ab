NOT EXISTS (
    -- A reference means a row that its writer had seen, or the next one that its writer inserted under that number.
    SELECT 1
    FROM (SELECT ${t} & 4611686018427387903 AS t, ${s} AS s, ${settled} AS settled ${source}) AS reference
    WHERE CASE
      -- When it was written was forgotten as it meant the row that has the number here.
      WHEN reference.settled THEN NOT moved.known
      ELSE moved.born_t > 0 AND reference.s <> moved.born_s AND moved.born_t > ${seen_of_it}
    END
  )
