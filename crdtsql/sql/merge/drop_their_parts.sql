DELETE FROM temp._crdt_part AS sent
WHERE sent.mine IS NULL
  AND (sent.t & 4611686018427387903) <= ifnull((SELECT seen FROM temp._crdt_from WHERE local = sent.s), 0)
