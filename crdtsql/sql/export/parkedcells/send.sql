UPDATE ${image}.${row_table} AS sent
-- A cell is sent if its stamp is new to the receiver; its row was sent, because one of the heads that saw it is new then.
SET ${value} = parked.v,
  ${t} = CASE WHEN parked.t = sent.t AND parked.s = sent.s THEN NULL ELSE parked.t END,
  ${s} = CASE WHEN parked.t = sent.t AND parked.s = sent.s THEN NULL ELSE parked.s END,
  ${word} = ${word} | (1 << ${bit})
FROM ${parked} AS parked
JOIN temp._crdt_receiver AS receiver ON receiver.ordinal = parked.s
WHERE parked.col = :col
  AND ${parked_is_sent}
  AND (parked.t & 4611686018427387903) > receiver.upto
