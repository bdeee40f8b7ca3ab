SELECT
  ${name} AS "table",
  born.was AS old,
  born.k1 AS new,
  datetime(((born.born_t & 4611686018427387903) >> 16) / 1000, 'unixepoch') AS "when"
FROM ${born} AS born
LEFT JOIN ${clock} AS clock ON ${clock_is_born}
WHERE born.was IS NOT NULL AND clock.gone IS NULL
