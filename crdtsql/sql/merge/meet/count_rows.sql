SELECT
  (SELECT count(*) FROM ${met} WHERE gone IS NULL AND old_gone = 1),
  (
    SELECT count(*)
    FROM ${met} AS met
    JOIN ${held} AS held ON held.id = met.old_held AND held.reason = ${reason_waiting}
    WHERE met.gone IS NULL AND met.old_gone IS NULL AND (${changed})
  ),
  (SELECT count(*) FROM ${met} WHERE gone = 1 AND old_gone IS NULL),
  (SELECT count(old_held) FROM ${met})
