CREATE TEMP TABLE ${met} (
  -- Incoming rows that this replica has already, and the state that results.
  id INTEGER PRIMARY KEY,
  ${keys},
  t INTEGER, s INTEGER, dot_t INTEGER, dot_s INTEGER, gone INTEGER,
  old_t INTEGER, old_s INTEGER, old_dot_t INTEGER, old_dot_s INTEGER, old_gone INTEGER, old_held INTEGER,
  -- 0: the incoming head alone stays; 2, 3: the local one stays too, and is 3 the first; 1: there are more heads
  complex INTEGER,
  ${won_words},
  ${clash_words}
)
