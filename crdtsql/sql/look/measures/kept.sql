SELECT ${reason}, count(*)
FROM ${held} AS held
WHERE ${is_kept}
GROUP BY held.reason
