CASE WHEN (incoming.${word} >> ${incoming_bit}) & 1 AND ${newer} THEN ifnull(incoming.${t}, incoming.t) ELSE ${old_t} END
