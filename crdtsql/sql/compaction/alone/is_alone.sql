EXISTS (SELECT 1 FROM ${table} AS shown WHERE ${shown_is_clock} AND ${terms})
