INSERT INTO temp._crdt_event (seq, hlc, op, tbl, detail, old, ${log_keys})
-- hlc rises by at least one with each event, and never falls behind the writer's clock; a writer's clock ahead of ours is cut.
SELECT
  seq,
  seq + max(
    :clock,
    max((min(CAST(round((ifnull(at, 0) - 2440587.5) * 86400000) AS INTEGER), :now_ms) << 16) - seq)
      OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING)
  ),
  op,
  tbl,
  detail,
  old,
  ${log_keys}
FROM _crdt_log
ORDER BY seq
