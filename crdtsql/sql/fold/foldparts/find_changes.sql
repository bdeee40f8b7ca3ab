INSERT INTO temp._crdt_change (id, i, part, v, gone)
-- What each write added, changed or removed.
SELECT after.id, after.i, after.part, after.v, NULL
FROM temp._crdt_split AS after
LEFT JOIN temp._crdt_split AS before ON before.id = after.id AND before.part = after.part AND before.i = after.i - 1
WHERE after.i > 0 AND (before.id IS NULL OR before.v IS NOT after.v)
UNION ALL
SELECT before.id, before.i + 1, before.part, NULL, 1
FROM temp._crdt_split AS before
JOIN temp._crdt_write AS write ON write.id = before.id AND write.i = before.i + 1
WHERE NOT EXISTS (
  SELECT 1 FROM temp._crdt_split AS after WHERE after.id = before.id AND after.part = before.part AND after.i = before.i + 1
)
