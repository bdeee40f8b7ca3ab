INSERT INTO ${image}.merged (site, peer, at, upto)
SELECT merged.site, merged.peer, merged.at, merged.upto
FROM _crdt_site AS site
CROSS JOIN temp._crdt_receiver AS receiver ON receiver.ordinal = site.ordinal AND receiver.upto BETWEEN 1 AND site.upto - 1
LEFT JOIN json_each(:promised) AS promise ON promise.value ->> 0 = site.ordinal
CROSS JOIN _crdt_site AS other ON other.ordinal <> site.ordinal
CROSS JOIN _crdt_merged AS merged
  ON merged.site = site.ordinal
  AND merged.peer = other.ordinal
  AND merged.at = (
    SELECT max(earlier.at)
    FROM _crdt_merged AS earlier
    WHERE earlier.site = site.ordinal AND earlier.peer = other.ordinal AND earlier.at <= receiver.upto
  )
WHERE :all OR receiver.upto < ifnull(promise.value ->> 1, 0)
