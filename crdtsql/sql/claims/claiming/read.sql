SELECT resource, token, holder, through, site, state, taken_ms, until_ms, length_ms, boot, up_ms, nonce
FROM main._crdt_claimed
WHERE site = :site
  AND (:resource IS NULL OR resource = :resource)
ORDER BY resource
