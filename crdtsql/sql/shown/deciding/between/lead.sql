UPDATE ${above}
SET leads = 1
WHERE (${keys}) IN (
  SELECT ${above_keys}
  FROM ${above} AS above
  CROSS JOIN ${child} AS child ON ${child_is_above}
  JOIN ${candidate} AS candidate ON ${candidate_is_child}
)
