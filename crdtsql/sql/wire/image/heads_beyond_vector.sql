SELECT 1
FROM ${head} AS head
JOIN temp.site AS head_site ON head_site.ordinal = head.s
WHERE (head.t & ${mask}) NOT BETWEEN 1 AND head_site.upto
LIMIT 1
