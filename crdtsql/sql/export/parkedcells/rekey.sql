UPDATE OR REPLACE ${parked}
SET ${new_keys}
WHERE ${old_keys}
