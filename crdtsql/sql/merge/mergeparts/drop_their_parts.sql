DELETE FROM temp._crdt_part AS sent
-- What nobody wrote is never news; but where this replica has no value of its own to begin with, it begins with that of the sender.
WHERE sent.mine IS NULL
  AND (sent.t & 4611686018427387903) <= ifnull((SELECT seen FROM temp._crdt_from WHERE local = sent.s), 0)
  AND (
    sent.t <> -4611686018427387904
    OR EXISTS (SELECT 1 FROM temp._crdt_part AS own WHERE own.id = sent.id AND own.part = '' AND own.mine)
  )
