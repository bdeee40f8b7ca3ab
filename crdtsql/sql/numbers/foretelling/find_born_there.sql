SELECT foretold.id, incoming.k1, incoming.t
-- Births that are not those of the rows' latest inserts are known here already.
FROM main._crdt_foretold AS foretold
JOIN temp._crdt_from AS source ON source.local = foretold.site
JOIN ${image}.${row_table} AS incoming ON incoming.k1 = foretold.number AND incoming.s = source.remote AND incoming.t > 0
LEFT JOIN ${image}.${born_table} AS birth ON birth.k1 = incoming.k1
WHERE foretold.uid = :uid AND birth.k1 IS NULL
