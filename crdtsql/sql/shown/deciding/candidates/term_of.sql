(SELECT ${expression} FROM (SELECT ${row}) AS ${table})
