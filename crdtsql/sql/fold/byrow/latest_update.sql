, max(CASE WHEN op = ${op} AND (detail >> ${bit}) & 1 THEN hlc END) AS ${update}
