SELECT site, since, upto
FROM _crdt_attribution
WHERE (:run IS NULL OR run = :run) AND (:actor IS NULL OR actor = :actor)
ORDER BY site, since
