(${clock_keys}) = (SELECT ${truth_keys} FROM ${held} AS truth WHERE truth.id = ${candidate}.id)
