UPDATE temp._crdt_write
SET counts = 0
WHERE ifnull(new, 0) = ifnull(old, 0) AND (old IS NOT NULL OR new IS NULL)
