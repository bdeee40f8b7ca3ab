DELETE FROM _crdt_conflict
WHERE id IN (
  SELECT id
  FROM (
    SELECT
      entry.id AS id,
      row_number() OVER (
        PARTITION BY entry.col, entry.part, ${grouping}
        ORDER BY entry.resolved IS NOT NULL, entry.id DESC
      ) AS place
    FROM _crdt_conflict AS entry
    WHERE entry.tbl = :tbl
  )
  WHERE place > :per_cell
)
