(clock.many IS NOT NULL OR (clock.dot_t IS NOT NULL AND clock.dot_s <> :born))
