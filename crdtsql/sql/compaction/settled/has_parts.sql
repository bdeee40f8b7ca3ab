EXISTS (SELECT 1 FROM ${parts} AS part WHERE ${part_is_clock})
