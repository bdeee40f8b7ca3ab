INSERT INTO temp._crdt_split (id, part, i)
-- Of parts that are names alone, those that only some of the values before and after the writes have.
SELECT differing.id, name.value, value.key
FROM (
  SELECT id, CAST(_crdt_differing(i, gone, names) AS TEXT) AS names
  FROM (
    SELECT id, 0 AS i, NULL AS gone, ${names_before} AS names
    FROM temp._crdt_part AS part
    WHERE part.part = ''
    UNION ALL
    SELECT cell.id, 0, part.gone IS NOT NULL, CAST('[' || group_concat(part.part, ',') || ']' AS BLOB)
    FROM temp._crdt_cell AS cell
    JOIN ${parts} AS part ON ${part_is_cell} AND part.col = :col AND part.part <> ''
    WHERE ${was_updated}
    GROUP BY cell.id, part.gone IS NOT NULL
    UNION ALL
    SELECT id, i, NULL, ${names_after}
    FROM temp._crdt_write AS write
  )
  GROUP BY id
) AS differing
CROSS JOIN json_each(differing.names) AS value
CROSS JOIN json_each(value.value) AS name
