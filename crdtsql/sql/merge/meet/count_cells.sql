SELECT ${counts} FROM ${met} AS met CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = met.id
