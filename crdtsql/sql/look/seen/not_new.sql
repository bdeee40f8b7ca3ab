SELECT ${keys}
-- Rows whose first entry is no plain insert were there before, or a row that they replaced was.
FROM (
  SELECT ${keys}, op, detail, min(seq) AS first
  FROM _crdt_log
  WHERE tbl = :tbl AND seq > :after
  GROUP BY ${keys}
)
WHERE op <> 1 OR detail IS NOT NULL
LIMIT :most
