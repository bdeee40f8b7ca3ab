WHEN (met.t <> met.old_t OR met.s <> met.old_s)
    AND (incoming.${key} COLLATE BINARY IS NOT target.${column} OR typeof(incoming.${key}) <> typeof(target.${column}))
  THEN 1
