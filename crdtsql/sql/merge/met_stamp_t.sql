CASE WHEN (met.${won} >> ${bit}) & 1 THEN ifnull(incoming.${t}, incoming.t) ELSE ifnull(clock.${old_t}, met.old_t) END
