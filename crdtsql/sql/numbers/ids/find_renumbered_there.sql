-- Rows that the sender renumbered, and this replica does not know under that number.
SELECT birth.k1, birth.was
FROM ${image}.${born_table} AS birth
LEFT JOIN ${born} AS mine ON mine.k1 = birth.k1
WHERE birth.was IS NOT NULL
  AND (
    mine.k1 IS NULL
    OR mine.born_t <> birth.born_t
    OR mine.born_s <> (SELECT local FROM temp._crdt_from WHERE remote = birth.born_s)
  )
