SELECT seq AS batch, site, upto, NULL AS tbl, NULL AS "key", NULL AS gone, NULL AS t, NULL AS s, NULL AS dot_t, NULL AS dot_s, NULL AS held, '[]' AS stamps
FROM _crdt_progress
WHERE 0
