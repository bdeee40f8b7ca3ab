SELECT min(seq), max(seq), max(upto)
FROM _crdt_progress
WHERE site = :site AND seq < :before AND upto <= :below
HAVING count(*) > 1
