INSERT INTO temp._crdt_alone (id, value)
SELECT id, max(v) FILTER (WHERE part = '')
FROM temp._crdt_part AS loaded
GROUP BY id
HAVING count(*) FILTER (WHERE part = '') = 1
  AND NOT max(part <> '' AND (mine IS 1 OR theirs IS 1))
  AND NOT EXISTS (
    SELECT 1
    FROM temp._crdt_incoming_cell AS cell
    CROSS JOIN ${parts} AS part ON ${part_is_cell} AND part.col = :col
    WHERE cell.id = loaded.id AND cell.narrow AND part.part <> ''
      AND NOT EXISTS (SELECT 1 FROM temp._crdt_part AS sent WHERE sent.id = cell.id AND sent.part = part.part)
  )
