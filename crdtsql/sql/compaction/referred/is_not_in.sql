ifnull((${key}) NOT IN (SELECT ${columns} FROM ${child} AS child), 1)
        AND ifnull((${key}) NOT IN (SELECT ${kept_columns} FROM ${held} AS kept), 1)
