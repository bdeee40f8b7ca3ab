SELECT site, count(*)
FROM (${vanished})
WHERE gone = 1
GROUP BY site
ORDER BY 2 DESC
