UPDATE OR IGNORE ${table} AS shown
SET ${column} = held.${value}
FROM ${held} AS held
WHERE held.id = :id AND ${shown_is_held}
