ifnull((
    SELECT nullif(json_extract(named.value, '$[0]'), '') || ' (' || lower(substr(hex(${site}.id), 1, 8)) || ')'
    FROM _crdt_meta AS named
    WHERE named.name = 'name:' || lower(hex(${site}.id)) AND json_valid(named.value)
  ), lower(hex(${site}.id)))
