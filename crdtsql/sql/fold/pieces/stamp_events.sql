INSERT INTO temp._crdt_event (seq, hlc, s, ms, aged, op, tbl, detail, old, new, ${log_keys})
SELECT
  log.seq,
  log.seq + stretch.more,
  stretch.s,
  ${written_ms},
  typeof(at) <> 'integer',
  op,
  tbl,
  detail,
  old,
  new,
  ${log_keys}
FROM temp._crdt_stretch AS stretch
CROSS JOIN _crdt_log AS log ON log.seq BETWEEN stretch.first AND stretch.last
ORDER BY stretch.first, log.seq
