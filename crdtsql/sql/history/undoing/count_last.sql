SELECT count(*)
FROM ${clock}
WHERE ifnull(dot_s, s) = :site AND ifnull(dot_t, t) BETWEEN :first AND :last
