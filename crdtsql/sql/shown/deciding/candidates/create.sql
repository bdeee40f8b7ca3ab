CREATE TEMP TABLE ${candidate} (
  -- form: the marks under which the row is shown like this. chosen: it is shown so. decided: the one form of a row that was decided on.
  id INTEGER NOT NULL,
  form INTEGER NOT NULL,
  dead INTEGER NOT NULL,
  chosen INTEGER NOT NULL DEFAULT 0,
  decided INTEGER NOT NULL DEFAULT 0,
  masks TEXT,
  why TEXT,
  suffix TEXT,
  ${columns}${computed},
  PRIMARY KEY (id, form)
)
