INSERT INTO ${heads} (${keys}, s, t, gone)
SELECT ${met_keys}, head.s, head.t, head.gone
FROM temp._crdt_head AS head
JOIN ${met} AS met ON met.id = head.id
WHERE head.rank > 1
ORDER BY ${met_keys}
