SELECT lower(hex(site.id)), merged.at, lower(hex(peer.id)), merged.upto
FROM (
  SELECT DISTINCT site, at
  FROM _crdt_merged
  ORDER BY at DESC, site
  LIMIT :limit
) AS newest
JOIN _crdt_merged AS merged ON merged.site = newest.site AND merged.at = newest.at
JOIN _crdt_site AS site ON site.ordinal = merged.site
JOIN _crdt_site AS peer ON peer.ordinal = merged.peer
ORDER BY merged.at DESC, merged.site, merged.upto DESC
