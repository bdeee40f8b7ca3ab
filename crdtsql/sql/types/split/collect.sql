INSERT INTO ${cells} (${keys}, value)
SELECT ${clock_keys}, shown.${column}
FROM ${clock} AS clock
JOIN ${table} AS shown ON ${shown_is_clock}
WHERE ${within}
  AND clock.gone IS NULL
  AND clock.held IS NULL
  AND EXISTS (SELECT 1 FROM ${parts} AS part WHERE ${part_is_clock} AND part.col = :col)
