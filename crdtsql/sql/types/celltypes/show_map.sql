SELECT id, CAST(_crdt_object(CAST(json_group_object(part, v) FILTER (WHERE place = 1) AS BLOB)) AS TEXT) AS value
FROM (
  SELECT
    part.id AS id,
    part.part AS part,
    part.v AS v,
    CASE WHEN part.gone IS NULL AND part.part <> '' THEN
      row_number() OVER (PARTITION BY part.id, part.part ORDER BY part.gone IS NOT NULL, part.t DESC, site.id DESC)
    END AS place
  FROM temp._crdt_part AS part
  JOIN _crdt_site AS site ON site.ordinal = part.s
)
GROUP BY id
