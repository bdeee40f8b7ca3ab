WHEN (met.${won} >> ${bit}) & 1 AND ${stored_otherwise} THEN 1
