(
    ifnull(clock.dot_s, clock.s) <> :born
    OR EXISTS (SELECT 1 FROM ${heads} AS heads WHERE ${heads_is_clock} AND heads.gone IS NULL AND heads.s <> :born)
  )
