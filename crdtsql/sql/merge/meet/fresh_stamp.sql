, CASE WHEN (incoming.${word} >> ${bit}) & 1 THEN incoming.${t} ELSE -4611686018427387904 END,
  CASE WHEN (incoming.${word} >> ${bit}) & 1
    THEN CASE WHEN incoming.${t} IS NOT NULL THEN ifnull((SELECT local FROM temp._crdt_from WHERE remote = incoming.${s}), origin.local) END
    ELSE :self END
