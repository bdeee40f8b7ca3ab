DELETE FROM ${heads}
WHERE (${keys}, s) IN (
  SELECT ${mine_keys}, mine.s FROM ${met} AS met JOIN ${heads} AS mine ON ${mine_is_met}
)
