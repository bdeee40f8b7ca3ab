INSERT INTO temp._crdt_head (id, t, s, gone, rank)
-- A head stays if the other side has it too, or has not seen it; else the other side has superseded it.
-- The first is the one that the clock row keeps: one of the kind that decides whether the row lives, then the newest.
SELECT
  id,
  t,
  s,
  gone,
  row_number() OVER (
    PARTITION BY id
    ORDER BY ${comes_later}, t DESC, (SELECT site.id FROM _crdt_site AS site WHERE site.ordinal = head.s) DESC
  )
FROM (
  SELECT met.id AS id, met.old_dot_t AS t, met.old_dot_s AS s, met.old_gone AS gone
  FROM ${met} AS met
  WHERE met.complex = 1
    AND (
      (met.old_dot_t & 4611686018427387903)
        > ifnull((SELECT upto FROM temp._crdt_theirs WHERE ordinal = met.old_dot_s), 0)
      OR EXISTS (SELECT 1 FROM temp._crdt_incoming_head AS sent WHERE sent.id = met.id AND sent.t = met.old_dot_t AND sent.s = met.old_dot_s)
    )
  UNION ALL
  SELECT met.id, mine.t, mine.s, mine.gone
  FROM ${met} AS met
  JOIN ${heads} AS mine ON ${mine_is_met}
  WHERE met.complex = 1
    AND (
      (mine.t & 4611686018427387903) > ifnull((SELECT upto FROM temp._crdt_theirs WHERE ordinal = mine.s), 0)
      OR EXISTS (SELECT 1 FROM temp._crdt_incoming_head AS sent WHERE sent.id = met.id AND sent.t = mine.t AND sent.s = mine.s)
    )
  UNION ALL
  SELECT sent.id, sent.t, sent.s, sent.gone
  FROM temp._crdt_incoming_head AS sent
  WHERE sent.is_new
) AS head
