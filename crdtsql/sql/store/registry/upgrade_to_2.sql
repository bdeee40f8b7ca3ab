DROP VIEW IF EXISTS crdt_conflicts;

ALTER TABLE _crdt_log ADD COLUMN old;

ALTER TABLE _crdt_conflict ADD COLUMN part TEXT NOT NULL DEFAULT '';

ALTER TABLE _crdt_conflict ADD COLUMN took TEXT;

ALTER TABLE _crdt_conflict ADD COLUMN resolved INTEGER;

ALTER TABLE _crdt_conflict ADD COLUMN resolved_s INTEGER;

UPDATE _crdt_conflict
-- Format 1 did not say which of the values came in. It was not the one of this site, and it came in a later batch than the other.
SET took = CASE
  WHEN won_s = (SELECT value FROM _crdt_meta WHERE name = 'self') THEN 'ours'
  WHEN lost_s = (SELECT value FROM _crdt_meta WHERE name = 'self') THEN 'theirs'
  WHEN (SELECT min(seq) FROM _crdt_progress WHERE site = won_s AND upto >= (won_t & 4611686018427387903))
    > (SELECT min(seq) FROM _crdt_progress WHERE site = lost_s AND upto >= (lost_t & 4611686018427387903))
    THEN 'theirs'
  ELSE 'ours'
END;
