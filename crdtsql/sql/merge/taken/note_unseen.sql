INSERT OR IGNORE INTO temp._crdt_unseen (t, remote, uid, lost_t, lost_s, since_t, since_s)
SELECT :t, :remote, :uid, :lost_t, :lost_s, :since_t, :since_s
WHERE :since_t > (SELECT seen FROM temp._crdt_from WHERE remote = :since_remote)
