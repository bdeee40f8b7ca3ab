INSERT OR REPLACE INTO main._crdt_arbitrated (clash, conflict, at_ms, state, answer)
VALUES (:clash, :conflict, :at_ms, :state, :answer)
