CASE
    -- In most values each element is spelled like the name of its part.
    WHEN typeof(${value}) = 'text' AND _crdt_plain(CAST(${value} AS BLOB)) THEN CAST(${value} AS BLOB)
    ELSE (SELECT CAST('[' || group_concat(part, ',') || ']' AS BLOB) FROM (${split}))
  END
