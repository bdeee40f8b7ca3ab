SELECT 1
FROM (SELECT ${key}) AS own
JOIN main._crdt_claimed AS claim ON claim.resource = ${resource}
WHERE claim.state = 'held'
  AND claim.token = ?
  AND claim.site = (SELECT value FROM main._crdt_meta WHERE name = 'self')
