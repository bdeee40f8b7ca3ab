CASE typeof(${value})
    WHEN 'null' THEN 0
    WHEN 'text' THEN CASE
      WHEN json_valid(${value})
      THEN json_type(${value}) <> 'array' OR (
        -- Without another bracket there is nothing inside to look at.
        (instr(substr(${value}, 2), '[') OR instr(${value}, '{'))
        AND EXISTS (SELECT 1 FROM json_each(${value}) WHERE type = 'array' OR type = 'object')
      )
      ELSE 1
    END
    ELSE 1
  END
