DELETE FROM temp._crdt_part
-- A head of mine goes if the sender has seen it and does not have it: the part was sent without it, or the cell as a whole.
-- What one site added to a counter says nothing of what another one did, which the sender may have forgotten.
WHERE (id, part, s, t) IN (
  SELECT mine.id, mine.part, mine.s, mine.t
  FROM (
    SELECT sent.id AS id, sent.part AS part, CASE WHEN sent.part >= '+' AND sent.part < ',' THEN sent.s END AS s
    FROM temp._crdt_part AS sent
    WHERE sent.theirs
    UNION
    SELECT cell.id, cell.part, NULL
    FROM temp._crdt_part AS sent
    JOIN temp._crdt_from AS origin ON origin.local = sent.s
    CROSS JOIN temp._crdt_part AS cell ON cell.id = sent.id
    WHERE sent.part = '' AND sent.theirs AND (sent.t & 4611686018427387903) > origin.seen
  ) AS sent
  CROSS JOIN temp._crdt_part AS mine ON mine.id = sent.id AND mine.part = sent.part AND mine.s = ifnull(sent.s, mine.s)
  WHERE mine.theirs IS NULL
    AND (mine.t & 4611686018427387903) <= ifnull((SELECT upto FROM temp._crdt_theirs WHERE ordinal = mine.s), 0)
)
