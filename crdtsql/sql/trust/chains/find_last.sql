SELECT site, number, since, upto, before, content, signature
FROM main._crdt_link AS link
WHERE number = (SELECT max(other.number) FROM main._crdt_link AS other WHERE other.site = link.site)
ORDER BY id DESC
LIMIT ?
