OR (
    incoming.${t} IS NOT NULL
    AND (incoming.${t} & ${mask}) NOT BETWEEN 1 AND (SELECT upto FROM temp.site WHERE ordinal = incoming.${s})
  )
