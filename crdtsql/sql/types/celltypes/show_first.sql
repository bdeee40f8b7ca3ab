SELECT id, v AS value
FROM (
  SELECT part.id AS id, part.v AS v, row_number() OVER (PARTITION BY part.id ORDER BY ${order}) AS place
  FROM temp._crdt_part AS part
  JOIN _crdt_site AS site ON site.ordinal = part.s
  WHERE part.part = ''
)
WHERE place = 1
