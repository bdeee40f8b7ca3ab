SELECT 1
FROM ${acted} AS acted
LEFT JOIN temp._crdt_listed AS site ON site.ordinal = acted.site
WHERE acted.upto > ifnull(site.upto, 0)
LIMIT 1
