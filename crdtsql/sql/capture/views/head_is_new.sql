(ifnull(dot_s, s) = came.site AND (ifnull(dot_t, t) & 4611686018427387903) BETWEEN came.after + 1 AND came.upto)
