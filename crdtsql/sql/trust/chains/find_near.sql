SELECT site, number, upto, before, content, signature
FROM main._crdt_link
WHERE site = ? AND number BETWEEN ?2 - 1 AND ?2 + 1
ORDER BY number
