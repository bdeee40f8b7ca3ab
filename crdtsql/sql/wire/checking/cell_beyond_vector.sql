OR (
    incoming.${t} IS NOT NULL
    AND (incoming.${t} & ${mask}) NOT BETWEEN 1 AND ifnull((SELECT upto FROM temp._crdt_listed WHERE ordinal = incoming.${s}), 0)
  )
