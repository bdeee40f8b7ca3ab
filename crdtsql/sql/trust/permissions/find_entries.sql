-- Whether one site wrote an entry of a history in the name of another one, after what is known of it here. To take one out is a delete.
SELECT 1
FROM ${image}.${row_table} AS incoming
WHERE incoming.k2 IS NOT :id
  AND incoming.gone IS NULL
  AND 1 IN (
    incoming.s = :site AND (incoming.t & 4611686018427387903) > :seen
    ${cells}
  )
LIMIT 1
