UPDATE temp._crdt_cell
SET
  old = (SELECT event.old FROM temp._crdt_event AS event WHERE event.seq = first),
  now = CASE WHEN shown OR held IS NOT NULL THEN now ELSE (SELECT event.old FROM temp._crdt_event AS event WHERE event.seq = first) END
WHERE first IS NOT NULL
