INSERT OR REPLACE INTO main._crdt_claimed
  (resource, token, holder, through, site, state, taken_ms, until_ms, length_ms, boot, up_ms, nonce)
VALUES
  (:resource, :token, :holder, :through, :site, :state, :taken_ms, :until_ms, :length_ms, :boot, :up_ms, :nonce)
