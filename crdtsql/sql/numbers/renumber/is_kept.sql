moved.first = 0 AND EXISTS (SELECT 1 FROM ${clock} AS clock WHERE ${clock_is_target} AND clock.held = target.id)
