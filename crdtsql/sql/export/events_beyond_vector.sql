SELECT 1
FROM ${row} AS incoming
JOIN temp.site AS row_site ON row_site.ordinal = incoming.s
JOIN temp.site AS dot_site ON dot_site.ordinal = ifnull(incoming.dot_s, incoming.s)
WHERE (incoming.t & ${mask}) > row_site.upto
  OR (ifnull(incoming.dot_t, incoming.t) & ${mask}) > dot_site.upto
LIMIT 1
