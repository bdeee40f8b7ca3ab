SELECT max(number)
FROM (
  SELECT max(${key}) AS number FROM ${table} WHERE ${key} < :limit
  UNION ALL
  SELECT max(k1) FROM ${clock} WHERE k1 < :limit
  UNION ALL
  SELECT max(was) FROM ${born} WHERE was < :limit
)
