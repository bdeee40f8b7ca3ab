SELECT
  conflict.id,
  known.name,
  known.key_count,
  field.name,
  conflict.part,
  conflict.won,
  conflict.won_t,
  winner.id,
  conflict.lost,
  conflict.lost_t,
  loser.id,
  CASE conflict.took WHEN 'severed' THEN 'theirs' ELSE conflict.took END,
  conflict.resolved,
  resolver.id,
  known.id,
  field.id,
  ${keys}
FROM _crdt_conflict AS conflict
JOIN _crdt_table AS known ON known.id = conflict.tbl
JOIN _crdt_column AS field ON field.tbl = conflict.tbl AND field.id = conflict.col
JOIN _crdt_site AS winner ON winner.ordinal = conflict.won_s
JOIN _crdt_site AS loser ON loser.ordinal = conflict.lost_s
LEFT JOIN _crdt_site AS resolver ON resolver.ordinal = conflict.resolved_s
WHERE (:tbl IS NULL OR conflict.tbl = :tbl)
  AND (:id IS NULL OR conflict.id = :id)
  AND (NOT :open_only OR conflict.resolved IS NULL)
ORDER BY conflict.id
