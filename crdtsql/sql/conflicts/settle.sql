UPDATE _crdt_conflict AS conflict
-- An entry is settled while the present value of its cell was written by an event that had seen both of its events.
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
      ifnull(clock.${t}, clock.t) AS t,
      ifnull(clock.${s}, clock.s) AS s
    FROM _crdt_conflict AS entry
    JOIN ${clock} AS clock ON ${clock_is_entry}
    WHERE entry.tbl = :tbl
      AND entry.col = :col
      AND entry.part = ''
      AND ${entries}
      AND ${rows}
  )
) AS cell
WHERE conflict.id = cell.id
  AND (conflict.resolved IS NOT NULL) <> cell.settled
