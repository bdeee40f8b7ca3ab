(
    typeof(${value}) NOT IN ('text', 'null')
    OR CASE
      WHEN json_valid(${value})
      THEN json_type(${value}) <> 'array' OR EXISTS (SELECT 1 FROM json_each(${value}) WHERE type IN ('array', 'object'))
      ELSE ${value} IS NOT NULL
    END
  )
