INSERT INTO temp._crdt_head (id, t, s, gone)
-- A head stays if the other side has it too, or has not seen it; else the other side has superseded it.
SELECT met.id, met.old_dot_t, met.old_dot_s, met.old_gone
FROM temp._crdt_met AS met
WHERE met.complex
  AND (
    (met.old_dot_t & 4611686018427387903)
      > ifnull((SELECT upto FROM temp._crdt_theirs WHERE ordinal = met.old_dot_s), 0)
    OR EXISTS (SELECT 1 FROM temp._crdt_incoming_head AS sent WHERE sent.id = met.id AND sent.t = met.old_dot_t AND sent.s = met.old_dot_s)
  )
UNION
SELECT met.id, mine.t, mine.s, mine.gone
FROM temp._crdt_met AS met
JOIN ${heads} AS mine ON ${mine_is_met}
WHERE met.complex
  AND (
    (mine.t & 4611686018427387903) > ifnull((SELECT upto FROM temp._crdt_theirs WHERE ordinal = mine.s), 0)
    OR EXISTS (SELECT 1 FROM temp._crdt_incoming_head AS sent WHERE sent.id = met.id AND sent.t = mine.t AND sent.s = mine.s)
  )
UNION
SELECT sent.id, sent.t, sent.s, sent.gone
FROM temp._crdt_incoming_head AS sent
WHERE sent.is_new
