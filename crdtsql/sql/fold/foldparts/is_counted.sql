ifnull(new, 0) <> ifnull(old, 0) OR (old IS NULL AND new IS NOT NULL)
