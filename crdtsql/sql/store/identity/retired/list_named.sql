SELECT site.id, retired.upto, retired.ended
FROM _crdt_site AS site
CROSS JOIN _crdt_retired AS retired ON retired.id = site.id
