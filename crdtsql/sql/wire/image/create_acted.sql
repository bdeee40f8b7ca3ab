CREATE TABLE ${prefix}acted (
  site INTEGER NOT NULL CHECK (site BETWEEN 1 AND ${sites}),
  since INTEGER NOT NULL CHECK (since BETWEEN 1 AND ${highest}),
  upto INTEGER NOT NULL CHECK (upto BETWEEN since AND ${highest}),
  actor TEXT NOT NULL CHECK (length(actor) BETWEEN 1 AND 200 AND instr(actor, char(0)) = 0),
  session TEXT CHECK (length(session) BETWEEN 1 AND 200 AND instr(session, char(0)) = 0),
  run TEXT CHECK (length(run) BETWEEN 1 AND 200 AND instr(run, char(0)) = 0),
  note TEXT CHECK (length(note) BETWEEN 1 AND 2000 AND instr(note, char(0)) = 0),
  PRIMARY KEY (site, since)
) STRICT, WITHOUT ROWID
