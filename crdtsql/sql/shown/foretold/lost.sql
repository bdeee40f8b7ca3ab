CASE
        WHEN foretold.uid = ${uid} THEN (SELECT born.k1 FROM ${born} AS born WHERE born.was = foretold.number AND born.born_t < 0)
      END
