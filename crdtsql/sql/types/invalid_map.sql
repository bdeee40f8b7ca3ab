(
    typeof(${value}) NOT IN ('text', 'null')
    OR CASE WHEN json_valid(${value}) THEN json_type(${value}) <> 'object' ELSE ${value} IS NOT NULL END
  )
