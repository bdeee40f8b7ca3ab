WHEN (met.t <> met.old_t OR met.s <> met.old_s) AND ${stored_otherwise} THEN 1
