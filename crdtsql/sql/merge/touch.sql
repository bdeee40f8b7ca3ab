INSERT INTO temp._crdt_touched (number, id, gone, changed)
-- Incoming rows that brought news, for the foreign keys: gone is 1 if the row went or its key is spelled anew.
SELECT
  :number,
  arrived.id,
  ifnull(met.gone = 1 OR met.t <> met.old_t OR met.s <> met.old_s, 0),
  ifnull(${changed}, 0)
FROM temp._crdt_arrived AS arrived
LEFT JOIN temp._crdt_met AS met ON met.id = arrived.id
