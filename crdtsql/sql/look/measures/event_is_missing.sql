min(
    CASE
      WHEN (${t} & 4611686018427387903) > (SELECT upto FROM temp._crdt_receiver WHERE ordinal = ${s})
        THEN ${t} & 4611686018427387903
    END
  )
