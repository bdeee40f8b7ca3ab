SELECT peer, upto
-- What a site had merged before the first of its events that is told of.
FROM ${merged}
WHERE site = :site AND at = (SELECT min(at) FROM ${merged} WHERE site = :site)
