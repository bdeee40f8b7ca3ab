SELECT id, ${sum} AS value
FROM (
  SELECT id, v AS added, NULL AS taken
  FROM (
    SELECT part.id AS id, part.v AS v, row_number() OVER (PARTITION BY part.id ORDER BY part.t DESC, site.id DESC) AS place
    FROM temp._crdt_part AS part
    JOIN _crdt_site AS site ON site.ordinal = part.s
    WHERE part.part = ''
  )
  WHERE place = 1
  UNION ALL
  SELECT
    total.id,
    total.v,
    (
      SELECT seen.v FROM temp._crdt_part AS seen
      WHERE seen.id = total.id AND seen.part = lower(hex(site.id)) || CASE total.part WHEN '+' THEN '' ELSE total.part END
      ORDER BY seen.n DESC LIMIT 1
    )
  FROM temp._crdt_part AS total
  JOIN _crdt_site AS site ON site.ordinal = total.s
  WHERE total.part >= '+' AND total.part < ','
)
GROUP BY id
