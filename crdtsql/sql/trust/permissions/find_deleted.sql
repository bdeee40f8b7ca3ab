-- Whether a row of a table was deleted by one site after what is known of it here.
SELECT 1
FROM ${image}.${row_table} AS incoming
WHERE incoming.gone = 1
  AND ifnull(incoming.dot_s, incoming.s) = :site
  AND (ifnull(incoming.dot_t, incoming.t) & 4611686018427387903) > :seen
UNION ALL
SELECT 1
FROM ${image}.${head_table} AS head
WHERE head.gone = 1 AND head.s = :site AND (head.t & 4611686018427387903) > :seen
LIMIT 1
