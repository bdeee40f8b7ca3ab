CREATE TEMP TABLE ${above} (
  ${key_definitions},
  depth INTEGER NOT NULL,
  leads INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (${keys})
) WITHOUT ROWID
