NOT EXISTS (
        SELECT 1 FROM ${born} AS other WHERE other.k1 = clock.k1 AND (other.generation <> 0 OR other.was IS NOT NULL)
      )
      AND NOT EXISTS (SELECT 1 FROM ${born} AS other WHERE other.was = clock.k1)
