INSERT INTO temp._crdt_before (id, part, v)
SELECT id, part, v
FROM (
  SELECT
    part.id AS id,
    part.part AS part,
    part.v AS v,
    row_number() OVER (PARTITION BY part.id, part.part ORDER BY part.t DESC, site.id DESC) AS place
  FROM temp._crdt_part AS part
  JOIN _crdt_site AS site ON site.ordinal = part.s
  WHERE part.gone IS NULL
)
WHERE place = 1
