SELECT 1
FROM ${merged} AS merged
LEFT JOIN temp._crdt_listed AS site ON site.ordinal = merged.site
LEFT JOIN temp._crdt_listed AS peer ON peer.ordinal = merged.peer
WHERE merged.at > ifnull(site.upto, 0)
  OR merged.upto > ifnull(peer.upto, 0)
  OR merged.site = merged.peer
LIMIT 1
