${left} = (SELECT ${expression} FROM (SELECT ${new_row}) AS ${table})
