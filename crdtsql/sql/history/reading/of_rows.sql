(${keys}) IN (SELECT ${keys} FROM ${history} AS entry WHERE ${is_sound} AND ${where})
