SELECT site, number, since, upto, before, content, signature
FROM main._crdt_link
WHERE site = :site
  AND number IN (
    :number,
    (SELECT max(number) FROM main._crdt_link WHERE site = :site AND number < :number AND upto > :pardoned),
    (SELECT min(number) FROM main._crdt_link WHERE site = :site AND number > :number AND upto > :pardoned)
  )
ORDER BY number
