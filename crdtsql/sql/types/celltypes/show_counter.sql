SELECT
  base.id AS id,
  ifnull(base.v, 0) + ifnull((
    SELECT sum(v) FROM (
      SELECT
        total.v - ifnull((
          SELECT seen.v FROM temp._crdt_part AS seen
          WHERE seen.id = base.id AND seen.part = lower(hex(site.id))
          ORDER BY seen.n DESC LIMIT 1
        ), 0) AS v
      FROM temp._crdt_part AS total
      JOIN _crdt_site AS site ON site.ordinal = total.s
      WHERE total.id = base.id AND total.part = '+'
      ORDER BY site.id
    )
  ), 0) AS value
FROM (
  SELECT part.id AS id, part.v AS v, row_number() OVER (PARTITION BY part.id ORDER BY part.t DESC, site.id DESC) AS place
  FROM temp._crdt_part AS part
  JOIN _crdt_site AS site ON site.ordinal = part.s
  WHERE part.part = ''
) AS base
WHERE base.place = 1
