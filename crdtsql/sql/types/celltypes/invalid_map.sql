CASE typeof(${value})
    WHEN 'null' THEN 0
    WHEN 'text' THEN CASE WHEN json_valid(${value}) THEN json_type(${value}) <> 'object' ELSE 1 END
    ELSE 1
  END
