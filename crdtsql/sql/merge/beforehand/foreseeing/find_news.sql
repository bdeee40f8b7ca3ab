INSERT INTO ${news} (id, fresh, gone)
SELECT incoming.rowid, 1, incoming.gone
FROM ${image}.${row_table} AS incoming
WHERE (ifnull(incoming.dot_t, incoming.t) & 4611686018427387903)
    > (SELECT upto FROM temp._crdt_covered WHERE remote = ifnull(incoming.dot_s, incoming.s))
  OR (
    incoming.many = 1
    AND EXISTS (
      SELECT 1
      FROM ${image}.${head_table} AS head
      JOIN temp._crdt_covered AS origin ON origin.remote = head.s
      WHERE ${head_is_incoming} AND (head.t & 4611686018427387903) > origin.upto
    )
  )
