CREATE VIEW crdt_history AS
-- Every value that was written to tables with a history, in the order of hlc; of a delete "column" is NULL. "before": what was there already.
SELECT
  tbl,
  "key",
  did,
  "column",
  value,
  hlc,
  strftime('%Y-%m-%d %H:%M:%f', (hlc >> 16) / 1000.0, 'unixepoch') AS "time",
  lower(hex(site)) AS site,
  actor,
  session,
  run,
  note
FROM (
${histories}
)
