CASE
    WHEN clock.${t} IS NOT NULL
      AND (clock.${t} & 4611686018427387903) > (SELECT upto FROM temp._crdt_receiver WHERE ordinal = clock.${s})
    THEN clock.${stamp}
  END
