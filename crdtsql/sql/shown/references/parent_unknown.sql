NOT EXISTS (SELECT 1 FROM ${parent_clock} AS known WHERE ${known_is_child})
