INSERT INTO ${image}.merged (site, peer, at, upto)
SELECT merged.site, merged.peer, merged.at, merged.upto
FROM _crdt_merged AS merged
JOIN temp._crdt_receiver AS receiver ON receiver.ordinal = merged.site
WHERE merged.at > receiver.upto
