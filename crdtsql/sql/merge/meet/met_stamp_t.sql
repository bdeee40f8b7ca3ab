CASE WHEN (met.${won} >> ${bit}) & 1 THEN ifnull(incoming.${t}, incoming.t) ELSE ${old_t} END
