UPDATE _crdt_conflict AS conflict
-- As for whole cells, for entries of one part: its present value is what its first head wrote, or else a whole write.
SET
  resolved = CASE WHEN cell.settled THEN cell.t END,
  resolved_s = CASE WHEN cell.settled THEN cell.s END
FROM (
  SELECT id, t, s, (${has_seen_won}) AND (${has_seen_lost}) AS settled
  FROM (
    SELECT
      entry.id AS id,
      entry.won_t AS won_t,
      entry.won_s AS won_s,
      entry.lost_t AS lost_t,
      entry.lost_s AS lost_s,
      ifnull(head.t, ifnull(clock.${t}, clock.t)) AS t,
      ifnull(head.s, ifnull(clock.${s}, clock.s)) AS s,
      row_number() OVER (PARTITION BY entry.id ORDER BY head.part <> '' DESC, head.t DESC, site.id DESC) AS place
    FROM _crdt_conflict AS entry
    JOIN ${clock} AS clock ON ${clock_is_entry}
    LEFT JOIN ${parts} AS head ON ${head_is_clock} AND head.col = entry.col AND (head.part = entry.part OR head.part = '')
    LEFT JOIN _crdt_site AS site ON site.ordinal = head.s
    WHERE entry.tbl = :tbl
      AND entry.col = :col
      AND entry.part <> ''
      AND ${entries}
      AND ${rows}
  )
  WHERE place = 1
) AS cell
WHERE conflict.id = cell.id
  AND (conflict.resolved IS NOT NULL) <> cell.settled
