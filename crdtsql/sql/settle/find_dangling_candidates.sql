SELECT child.id
FROM temp._crdt_candidate AS child
WHERE ${is_dangling}
