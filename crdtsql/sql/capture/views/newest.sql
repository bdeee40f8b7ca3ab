max(
    CASE WHEN ${row_is_new} THEN t & 4611686018427387903 ELSE 0 END,
    CASE WHEN ${head_is_new} THEN ifnull(dot_t, t) & 4611686018427387903 ELSE 0 END,
    ifnull(json_extract(cells, '$.newest'), 0)
  )
