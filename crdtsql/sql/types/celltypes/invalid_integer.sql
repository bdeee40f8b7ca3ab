CASE typeof(${value}) WHEN 'integer' THEN ${value} NOT BETWEEN -${bound} AND ${bound} WHEN 'null' THEN 0 ELSE 1 END
