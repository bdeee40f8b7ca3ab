WITH
  reference AS MATERIALIZED (
    -- Numbers in keys, and when they were written.
    SELECT DISTINCT CAST(clock.${key} AS INTEGER) AS number, clock.t & 4611686018427387903 AS t, clock.s AS s
    FROM ${child_clock} AS clock
    WHERE clock.${key} NOT IN (SELECT foretold.id FROM main._crdt_foretold AS foretold)
      AND (typeof(clock.${key}) = 'integer' OR (typeof(clock.${key}) = 'text' AND CAST(CAST(clock.${key} AS INTEGER) AS TEXT) = clock.${key}))
    UNION
    SELECT CAST(shown.${child_column} AS INTEGER), :child_t & 4611686018427387903, :child_s
    FROM ${child} AS shown
    WHERE :child_t IS NOT NULL
      AND (
        typeof(shown.${child_column}) = 'integer'
        OR (typeof(shown.${child_column}) = 'text' AND CAST(CAST(shown.${child_column} AS INTEGER) AS TEXT) = shown.${child_column})
      )
      AND NOT EXISTS (SELECT 1 FROM ${child_clock} AS clock WHERE ${clock_is_shown})
  )
SELECT reference.number, reference.t, reference.s
FROM reference
LEFT JOIN (
  SELECT clock.k1 AS number, ifnull(born.born_t, clock.t) AS t, ifnull(born.born_s, clock.s) AS s
  FROM ${clock} AS clock
  LEFT JOIN ${born} AS born ON born.k1 = clock.k1
) AS holder ON holder.number = reference.number
WHERE CASE
  WHEN holder.number IS NULL THEN
    :genesis_t IS NULL OR NOT EXISTS (SELECT 1 FROM ${table} AS shown WHERE shown.${key_column} = reference.number)
  ELSE holder.t > 0 AND holder.s <> reference.s AND holder.t > ${seen_of_it}
END
