CREATE TABLE ${placeholder} (
  -- Rows of a table of other replicas that is not in this file; crdtsql passes them on, and moves them once the table is enabled.
  ${columns},
  PRIMARY KEY (${keys})
) WITHOUT ROWID
