DELETE FROM temp._crdt_part
WHERE (id, part) IN (SELECT id, part FROM temp._crdt_change)
  OR id NOT IN (SELECT id FROM temp._crdt_change)
