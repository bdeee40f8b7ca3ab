UPDATE _crdt_conflict AS conflict
-- Of the two values one was written by somebody who did not know of the purge; that one stays.
SET
  won = CASE WHEN found.won_seen THEN NULL ELSE conflict.won END,
  lost = CASE WHEN found.lost_seen THEN NULL ELSE conflict.lost END
FROM (${seen}) AS found
WHERE conflict.id = found.id AND (found.won_seen OR found.lost_seen)
