SELECT
  -- Facts that always are there, numbers that only rise, and rows that others refer to; cheap enough for every operation.
  (SELECT count(*) FROM _crdt_meta WHERE name IN (${facts})) = :facts
  AND (SELECT value FROM _crdt_meta WHERE name = 'clock') >= (SELECT max(upto) FROM _crdt_site)
  AND (SELECT value FROM _crdt_meta WHERE name = 'batch') >= (SELECT ifnull(max(seq), 0) FROM _crdt_progress)
  AND NOT EXISTS (
    SELECT 1
    FROM _crdt_progress AS progress
    WHERE progress.site NOT IN (SELECT ordinal FROM _crdt_site)
  )
  AND NOT EXISTS (
    SELECT 1
    FROM _crdt_column AS field
    WHERE field.tbl NOT IN (SELECT id FROM _crdt_table)
  )
  AND NOT EXISTS (SELECT 1 FROM _crdt_quiet)
  AND (SELECT count(*) FROM _crdt_column) = ifnull((SELECT value FROM _crdt_meta WHERE name = 'columns'), (SELECT count(*) FROM _crdt_column))
