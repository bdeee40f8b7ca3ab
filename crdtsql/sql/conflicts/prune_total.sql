DELETE FROM _crdt_conflict
WHERE id IN (
  SELECT id
  FROM (
    SELECT id, row_number() OVER (ORDER BY resolved IS NOT NULL, id DESC) AS place
    FROM _crdt_conflict
  )
  WHERE place > :total
)
