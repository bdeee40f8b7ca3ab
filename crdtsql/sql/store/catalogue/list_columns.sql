SELECT json_group_array(json_array(tbl, id, name, type, uid, since))
FROM (
  SELECT tbl, id, name, type, uid, since
  FROM _crdt_column
  WHERE NOT dropped AND tbl BETWEEN ifnull(:tbl, 0) AND ifnull(:tbl, 9223372036854775807)
  ORDER BY tbl, id
)
