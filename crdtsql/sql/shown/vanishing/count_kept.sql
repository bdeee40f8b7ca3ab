SELECT
  CAST(total(reason = ${reason_restored} OR reason GLOB ${reason_like_masked}) AS INTEGER),
  count(*)
FROM ${held}
WHERE ${is_kept}
