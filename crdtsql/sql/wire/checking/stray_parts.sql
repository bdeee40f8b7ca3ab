-- A part belongs to a row that is sent and to a typed column, with the whole among the parts; its event is covered.
SELECT 1
FROM ${part} AS part
LEFT JOIN temp._crdt_listed AS site ON site.ordinal = part.s
WHERE (part.t & 4611686018427387903) > ifnull(site.upto, -1)
  OR part.t = 0
  OR (part.n IS NOT NULL AND (part.n > (SELECT max(upto) FROM temp._crdt_listed) OR length(part.part) < 32))
  OR part.col NOT IN (${typed_columns})
UNION ALL
SELECT 1
-- Rows whose key comes twice are refused where they are merged.
WHERE (SELECT count(*) FROM ${row} AS sent CROSS JOIN ${part} AS part ON ${part_is_sent}) <> (SELECT count(*) FROM ${part})
UNION ALL
SELECT 1 FROM (SELECT 1 FROM ${part} GROUP BY ${keys}, col HAVING NOT max(part = ''))
LIMIT 1
