INSERT INTO temp._crdt_event (seq, hlc, s, ms, aged, op, tbl, detail, old, new, ${log_keys})
-- hlc rises by at least one with each event, and never falls behind the writer's clock; a writer's clock ahead of ours is cut.
SELECT
  seq,
  seq + max(:clock, max((min(ms, ${now_ms}) << 16) - seq) OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING)),
  ${site},
  ms,
  aged,
  op,
  tbl,
  detail,
  old,
  new,
  ${log_keys}
FROM (
  SELECT
    seq,
    -- Triggers of older formats wrote a julian day.
    CASE typeof(at) WHEN 'integer' THEN at >> 20 ELSE CAST(round((ifnull(at, 0) - 2440587.5) * 86400000) AS INTEGER) END AS ms,
    typeof(at) <> 'integer' AS aged,
    op,
    tbl,
    detail,
    old,
    new,
    ${log_keys}
  FROM _crdt_log
)
ORDER BY seq
