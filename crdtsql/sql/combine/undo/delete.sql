INSERT INTO ${image}.${row_table} (${keys}, t, s, dot_t, dot_s, gone, ${words})
SELECT ${clock_keys}, clock.t, clock.s, :base + row_number() OVER (ORDER BY ${clock_keys}), :site, 1, ${masks}
FROM ${clock} AS clock
WHERE ${born_s} = :born AND clock.gone IS NULL AND (:changed_too OR NOT ${changed})
ORDER BY ${clock_keys}
