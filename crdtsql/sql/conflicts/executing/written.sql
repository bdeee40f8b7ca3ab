SELECT ${keys}
-- In the order in which they were written first.
FROM _crdt_log
WHERE tbl = :tbl AND seq > :after
GROUP BY ${keys}
ORDER BY min(seq)
LIMIT :most
