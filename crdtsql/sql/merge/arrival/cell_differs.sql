WHEN (met.${won} >> ${bit}) & 1
    AND (incoming.${value} COLLATE BINARY IS NOT target.${column} OR typeof(incoming.${value}) <> typeof(target.${column}))
  THEN 1
