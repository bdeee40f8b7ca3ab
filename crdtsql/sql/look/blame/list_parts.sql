SELECT part.part, part.v, part.gone, part.t, lower(hex(site.id))
FROM ${parts} AS part
JOIN _crdt_site AS site ON site.ordinal = part.s
WHERE part.col = ?1 AND ${is_row} AND part.n IS NULL
ORDER BY part.part <> '', NOT (part.part >= '+' AND part.part < ','), part.part, part.t
