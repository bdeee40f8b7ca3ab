SELECT tbl, count(*), count(*) - count(resolved)
FROM _crdt_conflict
GROUP BY tbl
