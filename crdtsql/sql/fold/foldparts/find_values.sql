UPDATE temp._crdt_cell AS cell
-- The value before the writes that count; a row that vanished unseen has no present one.
SET
  old = event.old,
  now = CASE WHEN cell.shown OR cell.held IS NOT NULL THEN cell.now ELSE event.old END
FROM temp._crdt_event AS event
WHERE event.seq = (SELECT min(first.seq) FROM temp._crdt_write AS first WHERE first.id = cell.id AND first.hlc > ifnull(cell.whole, 0))
