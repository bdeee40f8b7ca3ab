SELECT
  shown.${column},
  (
    SELECT _crdt_total(
      part.v,
      CASE WHEN part.part <> '' THEN (
        SELECT seen.v
        FROM ${parts} AS seen
        WHERE ${seen_is_part} AND seen.col = :col AND seen.part = lower(hex(site.id)) || CASE part.part WHEN '+' THEN '' ELSE part.part END
        ORDER BY seen.n DESC
        LIMIT 1
      ) END,
      :real
    )
    FROM ${parts} AS part
    JOIN _crdt_site AS site ON site.ordinal = part.s
    WHERE ${shown_is_part} AND part.col = :col
      AND (
        (part.part >= '+' AND part.part < ',')
        OR (
          part.part = ''
          AND NOT EXISTS (
            SELECT 1
            FROM ${parts} AS later
            JOIN _crdt_site AS later_site ON later_site.ordinal = later.s
            WHERE ${later_is_part} AND later.col = :col AND later.part = '' AND (later.t, later_site.id) > (part.t, site.id)
          )
        )
      )
  ),
  ${key_columns}
FROM ${table} AS shown
WHERE shown.${column} IN (:most, -:most)
  AND EXISTS (SELECT 1 FROM ${parts} AS part WHERE ${shown_is_part} AND part.col = :col)
ORDER BY ${key_columns}
