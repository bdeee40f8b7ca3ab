CREATE TRIGGER ${trigger} INSTEAD OF ${event} ON crdt_actor
WHEN NOT EXISTS (SELECT 1 FROM _crdt_quiet)
BEGIN
  SELECT RAISE(ABORT, ${message})
  WHERE NEW.actor IS NULL
    OR NEW.actor = ''
    OR length(CAST(NEW.actor AS TEXT)) > ${longest}
    OR length(CAST(NEW.session AS TEXT)) > ${longest}
    OR length(CAST(NEW.run AS TEXT)) > ${longest}
    OR length(CAST(NEW.note AS TEXT)) > ${longest_note};
  -- Nothing was written since a mark that stands after the same entry.
  DELETE FROM _crdt_acting WHERE after >= (SELECT ifnull(max(seq), 0) FROM _crdt_log);
  INSERT INTO _crdt_acting (after, actor, session, run, note)
  VALUES (
    (SELECT ifnull(max(seq), 0) FROM _crdt_log),
    CAST(NEW.actor AS TEXT),
    CAST(NEW.session AS TEXT),
    CAST(NEW.run AS TEXT),
    CAST(NEW.note AS TEXT)
  );
END
