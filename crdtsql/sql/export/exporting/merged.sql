INSERT INTO ${image}.merged (site, peer, at, upto)
SELECT merged.site, merged.peer, merged.at, merged.upto
-- Of the sites alone that have news: no event of a site is above its entry of the vector.
FROM _crdt_site AS site
CROSS JOIN temp._crdt_receiver AS receiver ON receiver.ordinal = site.ordinal AND receiver.upto < site.upto
CROSS JOIN _crdt_merged AS merged ON merged.site = site.ordinal AND merged.at > receiver.upto AND merged.at <= site.upto
