SELECT ${columns}
FROM ${table} AS shown
LEFT JOIN ${clock} AS clock ON ${clock_is_shown}
-- Nobody wrote it since the history began; what was there when the table was enabled has a stamp below 0.
WHERE ifnull(clock.t, 0) <= :hlc AND ${where}
  AND NOT EXISTS (SELECT 1 FROM ${history} AS entry WHERE ${entry_is_shown} AND entry.op < 9)
