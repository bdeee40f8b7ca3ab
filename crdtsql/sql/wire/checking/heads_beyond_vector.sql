SELECT 1
FROM ${head} AS head
LEFT JOIN temp._crdt_listed AS head_site ON head_site.ordinal = head.s
WHERE (head.t & ${mask}) NOT BETWEEN 1 AND ifnull(head_site.upto, 0)
LIMIT 1
