UPDATE ${clock}
SET dot_t = NULL, dot_s = NULL, many = NULL ${stamps}
WHERE (${keys}) IN (SELECT ${keys} FROM ${settled} WHERE becomes = 'shorter')
