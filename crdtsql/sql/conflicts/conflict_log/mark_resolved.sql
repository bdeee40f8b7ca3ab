UPDATE _crdt_conflict AS conflict
-- An entry is resolved while the present value of its cell was written by an event that had seen both of its events.
SET
  resolved = CASE WHEN cell.resolved THEN cell.t END,
  resolved_s = CASE WHEN cell.resolved THEN cell.s END
FROM (
  SELECT id, t, s, (${has_seen_won}) AND (${has_seen_lost}) AS resolved
  FROM (
    ${cells}
  )
) AS cell
WHERE conflict.id = cell.id
  AND (conflict.resolved IS NOT NULL) <> cell.resolved
  AND NOT (conflict.took = 'severed' AND conflict.resolved IS conflict.won_t AND conflict.resolved_s IS conflict.won_s)
