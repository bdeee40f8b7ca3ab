((CASE WHEN (incoming.${word} >> ${incoming_bit}) & 1 THEN ${taken} ELSE 0 END) << ${bit})
