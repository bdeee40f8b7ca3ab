INSERT INTO ${heads} (${keys}, s, t, gone)
-- Rows with one head on each side, both of which stay: the clock row keeps the first, the other goes here.
SELECT
  ${met_keys},
  CASE met.complex WHEN 3 THEN met.dot_s ELSE met.old_dot_s END,
  CASE met.complex WHEN 3 THEN met.dot_t ELSE met.old_dot_t END,
  CASE met.complex WHEN 3 THEN met.gone ELSE met.old_gone END
FROM ${met} AS met
WHERE met.complex IN (2, 3)
ORDER BY ${met_keys}
