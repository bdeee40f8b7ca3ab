-- Each pass over the entries is one sort, whatever they say: anybody may add thousands to one row.
WITH wrote AS (
  SELECT ${keys}, entry.at AS at, entry.site AS site, entry.op AS op, one.value AS uid
  FROM ${history} AS entry
  JOIN json_each(CASE WHEN json_valid(entry.columns) THEN entry.columns ELSE '[]' END) AS one
  WHERE entry.at <= :before AND entry.op < 9
),
-- The last writes of each column, and the last deletes.
latest AS MATERIALIZED (
  SELECT ${keys}, at, site, op
  FROM (
    SELECT ${keys}, at, site, op, row_number() OVER (PARTITION BY ${keys}, uid ORDER BY at DESC, site DESC, op DESC) AS place
    FROM wrote
  )
  WHERE place = 1
),
gone AS MATERIALIZED (
  SELECT ${keys}, at, site, op
  FROM (
    SELECT ${keys}, at, site, op, row_number() OVER (PARTITION BY ${keys} ORDER BY at DESC, site DESC, op DESC) AS place
    FROM ${history}
    WHERE op = 2 AND at <= :before
  )
  WHERE place = 1
)
SELECT entry.at, entry.site, entry.op
FROM ${history} AS entry
WHERE entry.at < :before
  AND (entry.at, entry.site, entry.op) > (:at, :site, :op)
  AND entry.op <> 9
  AND CASE
    -- What was made once more by a replica that rejoined.
    WHEN entry.op > 9 THEN 1
    -- A delete says nothing more once nothing before it is left.
    WHEN entry.op = 2 THEN NOT EXISTS (
      SELECT 1 FROM ${history} AS later WHERE ${same_row} AND (later.at, later.site, later.op) < (entry.at, entry.site, entry.op)
    )
    -- Everything that it wrote was written again, or deleted, before the time from which on the history is kept.
    ELSE (entry.at, entry.site, entry.op) NOT IN (
      SELECT latest.at, latest.site, latest.op
      FROM latest
      LEFT JOIN gone ON ${is_gone}
      WHERE gone.at IS NULL OR (gone.at, gone.site, gone.op) < (latest.at, latest.site, latest.op)
    )
  END
ORDER BY entry.at, entry.site, entry.op
LIMIT :most
