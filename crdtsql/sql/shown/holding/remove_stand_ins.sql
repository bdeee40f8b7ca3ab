DELETE FROM ${table}
WHERE (${key_columns}) IN (
  SELECT ${keys}
  FROM ${held} AS held
  WHERE held.reason <> ${reason_deleted} AND (held.reason = ${reason_restored} OR held.reason GLOB ${reason_like_masked})
)
