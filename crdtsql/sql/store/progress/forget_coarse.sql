DELETE FROM _crdt_progress AS gone
WHERE gone.seq < :before
  AND EXISTS (
    SELECT 1
    FROM _crdt_progress AS kept
    WHERE kept.site = gone.site AND kept.seq / :width = gone.seq / :width AND kept.seq < gone.seq
  )
