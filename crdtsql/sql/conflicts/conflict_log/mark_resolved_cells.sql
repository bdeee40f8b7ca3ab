SELECT
  entry.id AS id,
  entry.won_t AS won_t,
  entry.won_s AS won_s,
  entry.lost_t AS lost_t,
  entry.lost_s AS lost_s,
  ifnull(clock.${t}, clock.t) AS t,
  ifnull(clock.${s}, clock.s) AS s
FROM ${source}
WHERE entry.tbl = :tbl
  AND entry.col = :col
  AND entry.part = ''
  AND ${entries}
  AND ${rows}
