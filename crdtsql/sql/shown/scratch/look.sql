SELECT ${keys}, held.reason, ${values}, ${shown}
FROM ${held} AS held
JOIN ${clock} AS clock ON ${clock_is_held} AND clock.held = held.id
LEFT JOIN ${table} AS shown ON ${shown_is_held}
WHERE held.reason <> ${reason_deleted} OR (clock.gone = 1 AND ${row_marker} IS NOT NULL)
