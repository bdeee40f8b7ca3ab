SELECT entry.at, entry.site, entry.op
FROM ${history} AS entry
WHERE entry.at < :before
  AND entry.op < 9
  AND CASE
    -- A delete says nothing more once nothing before it is left.
    WHEN entry.op = 2 THEN NOT EXISTS (
      SELECT 1 FROM ${history} AS later WHERE ${same_row} AND (later.at, later.site, later.op) < (entry.at, entry.site, entry.op)
    )
    -- Everything that it wrote was written again before the time from which on the history is kept.
    ELSE NOT EXISTS (
      SELECT 1
      FROM json_each(CASE WHEN json_valid(entry.columns) THEN entry.columns ELSE '[]' END) AS wrote
      WHERE NOT EXISTS (
        SELECT 1
        FROM ${history} AS later
        WHERE ${same_row}
          AND later.at <= :before
          AND (later.at, later.site, later.op) > (entry.at, entry.site, entry.op)
          AND (
            later.op = 2
            OR wrote.value IN (SELECT value FROM json_each(CASE WHEN json_valid(later.columns) THEN later.columns ELSE '[]' END))
          )
      )
    )
  END
ORDER BY entry.at, entry.site, entry.op
LIMIT :most
