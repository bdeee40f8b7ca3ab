${all_set}
  AND ${no_parent}
  AND ${none_waits}
  AND NOT (
    -- A reference from genesis to a row that nobody ever knew is left as it was found.
    ${is_truth} AND NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE ${clock_is_child} AND (${written_since}))
    AND ${parent_unknown}
  )
