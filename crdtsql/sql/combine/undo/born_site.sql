ifnull((SELECT born.born_s FROM ${born} AS born WHERE born.k1 = clock.k1), clock.s)
