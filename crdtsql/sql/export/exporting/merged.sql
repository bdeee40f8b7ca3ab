INSERT INTO ${image}.merged (site, peer, at, upto)
SELECT merged.site, merged.peer, merged.at, merged.upto
-- Of the sites alone that have news: no event of a site is above its entry of the vector.
FROM temp._crdt_receiver AS receiver
CROSS JOIN _crdt_site AS site ON site.ordinal = receiver.ordinal
CROSS JOIN _crdt_merged AS merged ON merged.site = site.ordinal AND merged.at > receiver.upto AND merged.at <= site.upto
