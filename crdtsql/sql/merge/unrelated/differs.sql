WHEN (incoming.${word} >> ${incoming_bit}) & 1 AND incoming.${value} IS NOT shown.${column} THEN 1
