CASE
      WHEN (met.${won} >> ${bit}) & 1
      THEN CASE WHEN incoming.${s} IS NULL THEN origin.local ELSE (SELECT local FROM temp._crdt_from WHERE remote = incoming.${s}) END
      ELSE ${old_s}
    END
