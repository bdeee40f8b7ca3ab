INSERT INTO temp._crdt_split (id, part, i, v)
SELECT id, part, 0, v
FROM (
  SELECT
    part.id AS id,
    part.part AS part,
    part.v AS v,
    row_number() OVER (PARTITION BY part.id, part.part ORDER BY part.t DESC, site.id DESC) AS place
  FROM temp._crdt_part AS part
  JOIN _crdt_site AS site ON site.ordinal = part.s
  WHERE part.gone IS NULL AND part.part <> ''
)
WHERE place = 1
