SELECT child.id
FROM temp._crdt_candidate AS child
WHERE NOT child.refused
  AND ${is_dangling}
