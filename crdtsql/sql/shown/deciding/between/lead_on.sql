UPDATE ${above}
SET leads = 1
WHERE NOT leads AND (${child_keys}) IN (
  SELECT ${above_keys}
  FROM ${above} AS above
  CROSS JOIN ${child} AS child ON ${child_is_above}
  CROSS JOIN ${parent} AS parent ON ${parent_is_child}
  CROSS JOIN ${above_parent} AS up ON ${parent_is_up}
  WHERE up.leads
)
