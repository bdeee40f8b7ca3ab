NOT EXISTS (SELECT 1 FROM ${parent_held} AS known WHERE ${known_is_child})
