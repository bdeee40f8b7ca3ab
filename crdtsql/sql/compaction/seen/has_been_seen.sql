INSERT OR IGNORE INTO _crdt_merged (site, peer, at, upto)
SELECT origin.ordinal, peer.ordinal, ifnull(came.seen, origin.upto) + 1, peer.upto
FROM _crdt_site AS origin
CROSS JOIN _crdt_site AS peer
LEFT JOIN temp._crdt_from AS came ON came.local = origin.ordinal
WHERE peer.ordinal IN (SELECT value FROM json_each(:sites))
  AND origin.ordinal NOT IN (SELECT value FROM json_each(:sites))
  AND origin.ordinal <> :everybody
