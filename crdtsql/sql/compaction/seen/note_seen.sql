INSERT OR IGNORE INTO _crdt_merged (site, peer, at, upto)
SELECT origin.local, theirs.ordinal, merged.at, theirs.upto
FROM ${image}.merged AS merged
JOIN temp._crdt_from AS origin ON origin.remote = merged.site
JOIN temp._crdt_from AS everybody ON everybody.remote = merged.peer AND everybody.local = :everybody
JOIN json_each(:ended) AS one ON one.value ->> 1 <= merged.upto
JOIN temp._crdt_theirs AS theirs ON theirs.ordinal = one.value ->> 0
WHERE origin.local <> theirs.ordinal
  AND theirs.upto > ifnull(
    (
      SELECT known.upto
      FROM _crdt_merged AS known
      WHERE known.site = origin.local AND known.peer = theirs.ordinal AND known.at <= merged.at
      ORDER BY known.at DESC
      LIMIT 1
    ),
    0
  )
