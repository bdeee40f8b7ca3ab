ifnull(
    CASE
      WHEN clock.${t} IS NULL THEN (clock.t & 4611686018427387903) > row_site.upto
      ELSE (clock.${t} & 4611686018427387903) > (SELECT upto FROM temp._crdt_receiver WHERE ordinal = clock.${s})
    END,
    0
  )
