SELECT child.id, child.form, parent.id, parent.form
FROM ${child} AS child
JOIN ${parent} AS parent ON ${parent_is_child}
WHERE child.form & :other_marks = 0
  AND parent.form & :other_parent_marks = 0
