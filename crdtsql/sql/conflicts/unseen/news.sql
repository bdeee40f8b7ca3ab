SELECT DISTINCT write.t, write.s, field.uid
-- The later of two writes of one cell had seen the other, by its site, and took its place unseen by a person all the same.
FROM (
  SELECT won_t AS t, won_s AS s, lost_t, lost_s, tbl, col
  FROM _crdt_conflict
  WHERE part = '' AND won_t > (SELECT upto FROM temp._crdt_receiver AS receiver WHERE receiver.ordinal = won_s)
) AS write
JOIN _crdt_column AS field ON field.tbl = write.tbl AND field.id = write.col
WHERE ${has_seen_lost}
ORDER BY write.t DESC
LIMIT :limit
