NOT EXISTS (SELECT 1 FROM ${parent_held} AS known WHERE ${known_is_child})
    -- A value that was written since genesis may have taken the place of the one referred to.
    AND NOT EXISTS (SELECT 1 FROM ${parent_clock} AS clock WHERE ${written_since})
