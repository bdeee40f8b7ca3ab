INSERT INTO ${image}.${row_table} (${keys}, t, s, ${words} ${values})
SELECT
  ${keys},
  :base + row_number() OVER (ORDER BY staged.rowid),
  CASE WHEN mine = 1 THEN :taken ELSE :born END,
  ${masks}
  ${staged_values}
FROM ${staged} AS staged
WHERE mine IS NULL OR (mine = 1 AND :take_theirs)
ORDER BY staged.rowid
