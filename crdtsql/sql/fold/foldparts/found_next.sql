CASE
    -- What a write made of its cell is what the next one found there, or what is there now.
    WHEN lead(event.seq) OVER log IS NOT NULL THEN lead(event.old) OVER log
    WHEN cell.shown OR cell.held IS NOT NULL THEN cell.now
    ELSE event.old
  END
