-- Whether anything of a table was written by one site after what is known of it here.
SELECT 1
FROM ${image}.${row_table} AS incoming
WHERE 1 IN (
  incoming.s = :site AND (incoming.t & 4611686018427387903) > :seen,
  ifnull(incoming.dot_s = :site AND (incoming.dot_t & 4611686018427387903) > :seen, 0)
  ${cells}
)
UNION ALL
SELECT 1 FROM ${image}.${head_table} AS head WHERE head.s = :site AND (head.t & 4611686018427387903) > :seen
${parts}
LIMIT 1
