INSERT INTO ${held} (reason, ${keys})
-- A row can vanish unseen only if a BEFORE trigger of the user's made it, and the same statement evicted it.
SELECT DISTINCT ${reason_deleted}, ${clock_keys}
FROM temp._crdt_event AS event
JOIN ${clock} AS clock ON ${clock_is_event}
WHERE event.tbl = :tbl AND clock.gone AND clock.held IS NULL
