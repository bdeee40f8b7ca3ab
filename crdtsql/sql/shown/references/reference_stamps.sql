SELECT DISTINCT ${stamps}
-- When the references to one dead row were written, by rows that are shown, held alive, or restored.
FROM ${parent_held} AS lost
CROSS JOIN ${child} AS child ON ${child_is_lost}
LEFT JOIN ${clock} AS clock ON ${clock_is_child}
WHERE lost.id = :id AND ${scope}
