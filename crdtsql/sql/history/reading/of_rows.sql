(${keys}) IN (SELECT ${keys} FROM ${history} AS entry WHERE ${where})
