SELECT ${shown_columns}
FROM ${out} AS out
CROSS JOIN ${child} AS shown ON ${shown_is_out}
UNION ALL
SELECT ${held_columns}
FROM ${held} AS held
WHERE held.reason <> ${reason_deleted} AND ${counts}
