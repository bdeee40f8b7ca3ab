ifnull((${values}) NOT IN (SELECT ${kept_values} FROM ${held} AS rival), 1)
