CREATE TEMP TABLE _crdt_met (
  -- Incoming rows that this replica has already, and the state that results.
  id INTEGER PRIMARY KEY,
  ${keys},
  t, s, dot_t, dot_s, gone,
  old_t, old_s, old_dot_t, old_dot_s, old_gone, old_held,
  complex,
  ${won_words},
  ${clash_words}
)
