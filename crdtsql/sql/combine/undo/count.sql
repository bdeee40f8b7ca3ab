SELECT count(*) FILTER (WHERE :changed_too OR NOT ${changed}), count(*) FILTER (WHERE NOT :changed_too AND ${changed})
FROM ${clock} AS clock
WHERE ${born_s} = :born AND clock.gone IS NULL
