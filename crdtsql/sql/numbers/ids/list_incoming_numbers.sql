SELECT k1
FROM ${image}.${row_table}
UNION
SELECT k1
FROM ${image}.${born_table}
UNION
SELECT was
FROM ${image}.${born_table}
WHERE was IS NOT NULL
