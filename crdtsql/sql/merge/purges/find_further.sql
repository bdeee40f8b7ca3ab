INSERT INTO temp._crdt_purge (tbl, t, s, ${keys})
-- Rows that have such a head besides others, because somebody wrote them who did not know of it.
SELECT :tbl, further.t, head.local, ${incoming_keys}
FROM ${image}.${head_table} AS further
JOIN temp._crdt_from AS head ON head.remote = further.s
JOIN ${image}.${row_table} AS incoming ON ${further_is_incoming}
WHERE further.gone = 1
  AND (further.t & 4611686018427387903) > head.seen
  AND (${stamps_cells})
