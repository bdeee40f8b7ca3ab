UPDATE _crdt_progress AS kept
SET upto = (
  SELECT max(other.upto)
  FROM _crdt_progress AS other
  WHERE other.site = kept.site AND other.seq / :width = kept.seq / :width AND other.seq < :before
)
WHERE kept.seq < :before
