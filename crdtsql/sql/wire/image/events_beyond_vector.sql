SELECT 1
FROM ${row} AS incoming
JOIN temp.site AS row_site ON row_site.ordinal = incoming.s
JOIN temp.site AS dot_site ON dot_site.ordinal = ifnull(incoming.dot_s, incoming.s)
WHERE (incoming.t & ${mask}) NOT BETWEEN 1 AND row_site.upto
  OR (ifnull(incoming.dot_t, incoming.t) & ${mask}) NOT BETWEEN 1 AND dot_site.upto
  ${or_cells}
LIMIT 1
