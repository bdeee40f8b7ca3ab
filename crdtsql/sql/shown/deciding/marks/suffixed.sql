CASE typeof(${value})
  WHEN 'text' THEN ${value} || ${row}.suffix
  WHEN 'integer' THEN
    CASE
      WHEN ${value} BETWEEN 0 AND ${limit} THEN ${value} * ${power} + ${row}.digits
      WHEN ${value} BETWEEN -${limit} AND -1 THEN ${value} * ${power} - ${row}.digits
      ELSE ${value}
    END
  ELSE ${value}
END
