INSERT INTO temp._crdt_purge (tbl, t, s, ${keys})
-- Rows whose first head is new, a delete, and stamps cells. An insert that nobody saw has the stamp of the delete that showed it.
SELECT :tbl, incoming.dot_t, head.local, ${incoming_keys}
FROM ${image}.${row_table} AS incoming
JOIN temp._crdt_from AS head ON head.remote = incoming.dot_s
WHERE incoming.gone = 1
  AND (incoming.dot_t & 4611686018427387903) > head.seen
  AND (${stamps_cells})
