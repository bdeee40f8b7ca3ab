SELECT held.id
FROM ${out} AS out
CROSS JOIN ${clock} AS clock ON ${clock_is_out}
CROSS JOIN ${held} AS held ON held.id = clock.held
WHERE held.reason <> ${reason_deleted}
