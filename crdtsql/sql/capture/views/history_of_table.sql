SELECT
  ${name} AS tbl,
  ${key} AS "key",
  CASE entry.op WHEN 0 THEN 'before' WHEN 1 THEN 'inserted' WHEN 2 THEN 'deleted' ELSE 'updated' END AS did,
  ${column} AS "column",
  ${value} AS value,
  CASE entry.op WHEN 0 THEN ifnull(entry.since, 0) ELSE entry.at END AS hlc,
  entry.site AS site,
  entry.actor AS actor,
  entry.session AS session,
  entry.run AS run,
  entry.note AS note
FROM ${history} AS entry
LEFT JOIN json_each(CASE WHEN json_valid(entry.columns) THEN entry.columns ELSE '[]' END) AS wrote
WHERE entry.op < 9