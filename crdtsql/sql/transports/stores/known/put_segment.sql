INSERT OR REPLACE INTO segment (stem, needs, upto, size, marks, covered_by, covered_ms, told)
VALUES (:stem, :needs, :upto, :size, :marks, :covered_by, :covered_ms, :told)
