SELECT clock.seq, clock.gone, ${reason}, clock.t, clock.s, clock.dot_t, clock.dot_s, ${keys}${stamps}
FROM ${clock} AS clock
LEFT JOIN ${held} AS held ON held.id = clock.held
WHERE ${scope}
  AND (clock.s <> :without OR clock.dot_s <> :without${others_cells})
ORDER BY clock.seq DESC
