UPDATE _crdt_progress
SET upto = :upto
WHERE site = :site AND seq = :first
