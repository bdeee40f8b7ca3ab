(gone IS NULL AND s = came.site AND (t & 4611686018427387903) BETWEEN came.after + 1 AND came.upto)
