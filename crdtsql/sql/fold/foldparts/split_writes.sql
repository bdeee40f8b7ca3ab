INSERT OR REPLACE INTO temp._crdt_split (id, part, i, v)
SELECT write.id, split.part, write.i, split.v
FROM (${split}) AS split
JOIN temp._crdt_write AS write ON write.seq = split.id
