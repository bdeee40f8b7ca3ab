SELECT 1
FROM temp._crdt_met
GROUP BY ${keys}
HAVING count(*) > 1
LIMIT 1
