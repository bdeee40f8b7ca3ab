DELETE FROM ${parts}
WHERE col >= :first_parked AND (${keys}) IN (${came_back})
