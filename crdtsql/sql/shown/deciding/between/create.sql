CREATE TEMP TABLE ${above} (
  -- Shown rows to which candidates lead upward; leads: from there on to another candidate.
  ${key_definitions},
  depth INTEGER NOT NULL,
  leads INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (${keys})
) WITHOUT ROWID
