CREATE TEMP TABLE ${candidate} (
  -- suffix, digits: what goes behind a text, or a whole number, that the row lost.
  -- form: the marks under which the row is shown like this. chosen: it is shown so. decided: the one form of a row that was decided on.
  id INTEGER NOT NULL,
  form INTEGER NOT NULL,
  dead INTEGER NOT NULL,
  chosen INTEGER NOT NULL DEFAULT 0,
  decided INTEGER NOT NULL DEFAULT 0,
  masks TEXT,
  why TEXT,
  suffix TEXT,
  digits INTEGER,
  ${columns}${computed},
  PRIMARY KEY (id, form)
)
