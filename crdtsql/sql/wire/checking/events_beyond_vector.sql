SELECT 1
FROM ${row} AS incoming
LEFT JOIN temp._crdt_listed AS row_site ON row_site.ordinal = incoming.s
LEFT JOIN temp._crdt_listed AS dot_site ON dot_site.ordinal = ifnull(incoming.dot_s, incoming.s)
WHERE (incoming.t & ${mask}) NOT BETWEEN 1 AND ifnull(row_site.upto, 0)
  OR (ifnull(incoming.dot_t, incoming.t) & ${mask}) NOT BETWEEN 1 AND ifnull(dot_site.upto, 0)
  ${or_cells}
LIMIT 1
