SELECT coalesce(
  (SELECT kind FROM (SELECT typeof(value) AS kind FROM (${kept})) WHERE kind IN ('integer', 'real') LIMIT 1),
  (SELECT 'real' FROM ${image}.${row_table} WHERE typeof(${value}) = 'real' LIMIT 1),
  (SELECT 'real' FROM ${image}.${part_table} WHERE col = :position AND part = '' AND typeof(v) = 'real' LIMIT 1),
  'integer'
)
