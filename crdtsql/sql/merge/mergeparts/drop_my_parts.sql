DELETE FROM temp._crdt_part AS mine
-- A head of mine goes if the sender has seen it and does not have it: the part was sent without it, or the cell as a whole.
WHERE mine.theirs IS NULL
  AND (mine.t & 4611686018427387903) <= ifnull((SELECT upto FROM temp._crdt_theirs WHERE ordinal = mine.s), 0)
  AND (
    EXISTS (SELECT 1 FROM temp._crdt_part AS sent WHERE sent.id = mine.id AND sent.part = mine.part AND sent.theirs)
    OR EXISTS (
      SELECT 1
      FROM temp._crdt_part AS sent
      JOIN temp._crdt_from AS origin ON origin.local = sent.s
      WHERE sent.id = mine.id AND sent.part = '' AND sent.theirs AND (sent.t & 4611686018427387903) > origin.seen
    )
  )
