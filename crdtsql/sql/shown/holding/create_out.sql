CREATE TEMP TABLE ${out} (
  -- Keys of shown rows that are taken out of the user's table.
  ${key_definitions},
  PRIMARY KEY (${keys})
) WITHOUT ROWID
