(typeof(${value}) NOT IN ('integer', 'null') OR ${value} NOT BETWEEN -${bound} AND ${bound})
