INSERT OR REPLACE INTO segment (stem, needs, upto, size, marks, covered_by, covered_ms)
VALUES (:stem, :needs, :upto, :size, :marks, :covered_by, :covered_ms)
