INSERT INTO ${image}.merged (site, peer, at, upto)
SELECT merged.site, merged.peer, merged.at, merged.upto
FROM temp._crdt_receiver AS receiver
LEFT JOIN json_each(:promised) AS promise ON promise.value ->> 0 = receiver.ordinal
CROSS JOIN _crdt_site AS other ON other.ordinal <> receiver.ordinal
CROSS JOIN _crdt_merged AS merged
  ON merged.site = receiver.ordinal
  AND merged.peer = other.ordinal
  AND merged.at = (
    SELECT max(earlier.at)
    FROM _crdt_merged AS earlier
    WHERE earlier.site = receiver.ordinal AND earlier.peer = other.ordinal AND earlier.at <= receiver.upto
  )
WHERE receiver.upto > 0 AND (:all OR receiver.upto < ifnull(promise.value ->> 1, 0))
