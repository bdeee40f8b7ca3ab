SELECT child.id, child.form
FROM ${candidate} AS child
WHERE child.form & :other_marks = 0
  AND ${is_dangling}
