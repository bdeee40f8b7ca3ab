CASE typeof(${value}) WHEN 'real' THEN abs(${value}) > 1.7e308 WHEN 'null' THEN 0 ELSE 1 END
