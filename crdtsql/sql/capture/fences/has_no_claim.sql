NOT EXISTS (
    SELECT 1
    FROM _crdt_claimed AS claim
    WHERE claim.resource = ${resource}
      AND claim.state = 'held'
      AND claim.site = (SELECT value FROM _crdt_meta WHERE name = 'self')
  )
