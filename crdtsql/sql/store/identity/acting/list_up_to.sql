SELECT since, upto
FROM _crdt_attribution
WHERE site = :site AND upto <= :upto
ORDER BY since
