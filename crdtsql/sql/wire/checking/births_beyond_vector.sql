-- A number is an integer, and counted as used again exactly if it has an earlier root; births belong to rows that are sent, or to forgotten ones.
SELECT 1 FROM ${row} WHERE typeof(k1) <> 'integer'
UNION ALL
SELECT 1
FROM ${born} AS birth
LEFT JOIN temp._crdt_listed AS site ON site.ordinal = birth.born_s
LEFT JOIN temp._crdt_listed AS root_site ON root_site.ordinal = birth.root_s
WHERE (birth.born_t & ${mask}) NOT BETWEEN 1 AND ifnull(site.upto, 0)
  OR (birth.root_t & ${mask}) NOT BETWEEN 1 AND ifnull(root_site.upto, 0)
  OR (birth.generation = 0) <> (birth.root_t = birth.born_t AND birth.root_s = birth.born_s)
  OR birth.generation > (SELECT max(upto) FROM temp._crdt_listed)
  OR (birth.generation > 0 AND birth.root_t >= birth.born_t)
UNION ALL
SELECT 1
FROM ${born}
WHERE k1 NOT IN (SELECT k1 FROM ${row})
  AND NOT (${may_be_forgotten} AND generation = 0 AND was IS NULL)
LIMIT 1
