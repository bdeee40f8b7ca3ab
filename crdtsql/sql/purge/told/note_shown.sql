INSERT INTO temp._crdt_purge (tbl, t, s, ${keys})
SELECT :tbl, t, s, ${keys}
FROM (
  ${shown}
)
