NOT EXISTS (SELECT 1 FROM ${parent} AS parent WHERE ${parent_is_child})
