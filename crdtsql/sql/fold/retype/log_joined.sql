INSERT INTO _crdt_log (at, op, tbl, detail, ${keys})
-- An update of each cell that has parts; a row that is deleted is deleted once more, or it would count as written.
SELECT ${log_time}, op, :tbl, detail, ${keys}
FROM (
  SELECT :op AS op, :mask AS detail, 0 AS place, ${clock_keys}
  FROM ${clock} AS clock
  WHERE EXISTS (SELECT 1 FROM ${parts} AS part WHERE ${part_is_clock} AND part.col = :col)
  UNION ALL
  SELECT 2, clock.held, 1, ${clock_keys}
  FROM ${clock} AS clock
  WHERE clock.gone AND EXISTS (SELECT 1 FROM ${parts} AS part WHERE ${part_is_clock} AND part.col = :col)
)
ORDER BY place
