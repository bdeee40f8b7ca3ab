INSERT OR IGNORE INTO _crdt_merged (site, peer, at, upto)
SELECT origin.local, known.local, merged.at, merged.upto
FROM ${image}.merged AS merged
JOIN temp._crdt_from AS origin ON origin.remote = merged.site
JOIN temp._crdt_from AS known ON known.remote = merged.peer
-- What was seen before events that are known here is known, unless it was forgotten.
WHERE :forgets OR merged.at > origin.seen
