(
    (ifnull(clock.dot_t, clock.t) & 4611686018427387903)
      > (SELECT upto FROM temp._crdt_receiver WHERE ordinal = ifnull(clock.dot_s, clock.s))
    OR (
      clock.many = 1
      AND EXISTS (
        SELECT 1
        FROM ${heads} AS heads
        JOIN temp._crdt_receiver AS receiver ON receiver.ordinal = heads.s
        WHERE ${heads_is_clock} AND (heads.t & 4611686018427387903) > receiver.upto
      )
    )
  )
