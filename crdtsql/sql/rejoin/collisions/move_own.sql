UPDATE _crdt_conflict
-- The events of this site that nobody has are now those of the new one at the moment of rejoining, which all of its writes have seen.
SET
  won_t = CASE WHEN won_s = :site AND (won_t & 4611686018427387903) > :sent THEN :at ELSE won_t END,
  won_s = CASE WHEN won_s = :site AND (won_t & 4611686018427387903) > :sent THEN :self ELSE won_s END,
  lost_t = CASE WHEN lost_s = :site AND (lost_t & 4611686018427387903) > :sent THEN :at ELSE lost_t END,
  lost_s = CASE WHEN lost_s = :site AND (lost_t & 4611686018427387903) > :sent THEN :self ELSE lost_s END,
  resolved = CASE WHEN resolved_s = :site AND (resolved & 4611686018427387903) > :sent THEN :at ELSE resolved END,
  resolved_s = CASE WHEN resolved_s = :site AND (resolved & 4611686018427387903) > :sent THEN :self ELSE resolved_s END
