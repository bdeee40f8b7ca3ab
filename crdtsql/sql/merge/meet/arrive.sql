INSERT INTO temp._crdt_arrived (id, fresh, gone)
-- Incoming rows with an event that is new here; fresh if this replica has never seen the row.
SELECT
  incoming.rowid,
  clock.t IS NULL AND NOT (:has_genesis AND EXISTS (SELECT 1 FROM ${table} AS shown WHERE ${shown_is_incoming})),
  incoming.gone
FROM ${image}.${row_table} AS incoming
LEFT JOIN ${clock} AS clock ON ${clock_is_incoming}
WHERE (ifnull(incoming.dot_t, incoming.t) & 4611686018427387903)
    > (SELECT seen FROM temp._crdt_from WHERE remote = ifnull(incoming.dot_s, incoming.s))
  OR (
    incoming.many = 1
    AND EXISTS (
      SELECT 1
      FROM ${image}.${head_table} AS head
      JOIN temp._crdt_from AS origin ON origin.remote = head.s
      WHERE ${head_is_incoming} AND (head.t & 4611686018427387903) > origin.seen
    )
  )
