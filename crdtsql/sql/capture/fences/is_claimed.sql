EXISTS (
    SELECT 1
    FROM _crdt_claimed AS claim
    WHERE claim.resource IN (${resources})
      AND claim.state = 'held'
      AND claim.site = (SELECT value FROM _crdt_meta WHERE name = 'self')
      AND NOT EXISTS (SELECT 1 FROM _crdt_token AS shown WHERE shown.token = claim.token AND shown.at_ms >= ${now_ms} - 60000)
  )
