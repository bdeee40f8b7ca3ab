${column} = CASE WHEN (met.${won} >> ${bit}) & 1 THEN incoming.${value} ELSE target.${column} END
