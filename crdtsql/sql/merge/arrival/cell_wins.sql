((CASE WHEN (incoming.${word} >> ${incoming_bit}) & 1 THEN ${newer} ELSE 0 END) << ${bit})
