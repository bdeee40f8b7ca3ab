DELETE FROM ${table}
WHERE (${key_columns}) IN (
  SELECT ${keys}
  FROM ${held} AS held
  WHERE held.reason <> 'deleted' AND (held.reason = 'deleted, shown: referenced' OR held.reason GLOB 'masked: *')
)
