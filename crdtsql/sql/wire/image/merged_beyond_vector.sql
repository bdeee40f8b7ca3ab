SELECT 1
FROM merged
JOIN temp.site AS site ON site.ordinal = merged.site
JOIN temp.site AS peer ON peer.ordinal = merged.peer
WHERE merged.at > site.upto
  OR merged.upto > peer.upto
  OR merged.site = merged.peer
LIMIT 1
