SELECT ifnull(dot_t, t), ifnull(dot_s, s)
FROM ${clock}
WHERE ${is_row}
UNION ALL
SELECT t, s
FROM ${heads}
WHERE ${is_row}
