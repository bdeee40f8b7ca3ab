INSERT INTO temp._crdt_change (id, part, v)
SELECT after.id, after.part, after.v
FROM temp._crdt_after AS after
LEFT JOIN temp._crdt_before AS before ON before.id = after.id AND before.part = after.part
WHERE after.part <> '' AND (before.id IS NULL OR before.v IS NOT after.v)
