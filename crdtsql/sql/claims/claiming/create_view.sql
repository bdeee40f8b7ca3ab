CREATE VIEW crdt_claims AS
SELECT
  resource,
  token,
  holder,
  through,
  CASE WHEN state = 'held' AND ${now_ms} >= until_ms THEN 'lapsed' ELSE state END AS state,
  strftime('%Y-%m-%d %H:%M:%S', taken_ms / 1000, 'unixepoch') AS taken,
  strftime('%Y-%m-%d %H:%M:%S', until_ms / 1000, 'unixepoch') AS until
FROM _crdt_claimed
WHERE site = (SELECT value FROM _crdt_meta WHERE name = 'self')
